"""What readers reach. A view chooses a queryset and a template; rules stand on the models."""

from datetime import UTC, timedelta
from functools import wraps
from urllib.parse import quote

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from alphanode.page_cache import mark_page
from alphanode.shared_cache import keep, recall
from posts.articles import rendered_article, with_stored_article
from posts.disclosure import disclosure_of, shown_claims
from posts.exporting import with_today
from posts.meta import meta_box
from posts.models import FormerSlug, Post, ReviewFlag, Term
from posts.page_versions import LISTS, keys_of_post, stack_key
from posts.public_record import record_of, review_of
from posts.similar import way_on
from posts.structured import article_head

HOME_POSTS = 12
STACKS_SHOWN = 12
# Counting walks an index of all posts; two numbers that move by a handful a day may be a minute old.
COUNTS_SECONDS = 60


def public(view):
    """Marks a page that any cache may keep as long as it asks before it shows it again. Reads only."""

    @require_safe
    @wraps(view)
    def wrapped(request, *args, **kwargs):
        response = view(request, *args, **kwargs)
        shared = f", s-maxage={settings.CDN_MAX_AGE}" if settings.CDN_MAX_AGE else ""
        response.headers.setdefault("Cache-Control", f"public, max-age=0, must-revalidate{shared}")
        return mark_page(response, route=request.resolver_match.view_name if request.resolver_match else "")

    return wrapped


def review_counts():
    """(approved, waiting): how many posts readers can count on, and how many wait for a reviewer."""
    match recall("review-counts"):
        case [int() as approved, int() as waiting]:
            return approved, waiting
    counts = Post.objects.approved().count(), Post.objects.waiting().count()
    keep("review-counts", counts, COUNTS_SECONDS)
    return counts


@public
def home(request):
    approved, waiting = review_counts()
    posts = list(Post.objects.listed().with_texts().newest_first()[:HOME_POSTS])
    stacks = list(
        Term.objects.filter(kind=Term.Kind.STACK, listed_count__gt=0).order_by("-listed_count", "pk")[:STACKS_SHOWN]
    )
    top = max((stack.listed_count for stack in stacks), default=1)
    context = {
        "approved": approved,
        "waiting": waiting,
        "approved_percent": 100 * approved / (approved + waiting) if approved + waiting else 0,
        "lead": posts[0] if posts else None,
        "posts": posts[1:],
        "lead_words": _plate_words(posts[0]) if posts else "",
        "stacks": [(stack, round(100 * stack.listed_count / top)) for stack in stacks],
    }
    response = render(request, "posts/home.html", context)
    # The two numbers change without being noted.
    return mark_page(response, keys=[LISTS], takes=(), seconds=COUNTS_SECONDS)


def _plate_words(post):
    """What the drawing of a post on a list is drawn from: the caption of its first picture, else its title."""
    record = post.live_revision.snapshot
    return next((image["caption"] for image in record.get("image_sources", ()) if "caption" in image), record["title"])


def find_page(slug):
    """(post, None) of the post whose page stands at `slug`, or (None, answer): moved, gone, or never there."""
    open_flags = ReviewFlag.objects.filter(post=OuterRef("pk"), cleared_at=None).order_by("raised_at")
    posts = with_stored_article(Post.objects.with_texts()).annotate(
        flagged_at=Subquery(open_flags.values("raised_at")[:1])
    )
    post = posts.filter(slug=slug).first()
    if post is None:
        former = (
            FormerSlug.objects.filter(slug=slug).select_related("post__live_revision", "post__head_revision").first()
        )
        post = former.post if former else None
    if post is not None and post.withdrawn_at and (post.is_imported or post.first_published_at):
        return None, gone
    if post is None or post.visible_revision is None:
        return None, not_found
    if post.slug != slug:
        return post, HttpResponsePermanentRedirect
    return post, None


@public
def detail(request, slug):
    post, answer = find_page(slug)
    if answer is HttpResponsePermanentRedirect:
        return answer(post.get_absolute_url())
    if answer:
        return answer(request)
    context = article_context(post, post.visible_revision)
    response = render(request, "posts/detail.html", context)
    if not context["is_indexable"]:
        response.headers["X-Robots-Tag"] = "noindex"
    way_on = context["way_on"]
    # Of a listed post similar ones are kept, and whoever keeps them says when they change; others are found as they are
    # asked for, among all that is listed.
    keys = {stack_key(way_on.stack)} if context["is_indexable"] else {LISTS}
    return mark_page(response, keys=keys.union(*map(keys_of_post, [post, *way_on.posts])), takes=())


def article_context(post, revision, *, is_preview=False):
    """All that the article template takes, for the public page and for the desk's preview."""
    is_live = revision.pk == post.live_revision_id
    stored = {}
    if is_live and getattr(post, "stored_html", None) is not None:
        stored = {"stored_html": post.stored_html, "stored_contents": post.stored_contents}
    claims, are_ours = shown_claims(post, revision)
    record = with_today(
        revision.snapshot, {"view_count": post.view_count, "hash": post.claimed_hash, "revision": claims}
    )
    bands, folds = meta_box(record)
    disclosure = disclosure_of(post, revision)
    is_listed = post.is_indexable and is_live
    is_indexable = is_listed and not is_preview
    return {
        "post": post,
        "revision": revision,
        "record": record,
        "article": rendered_article(revision, **stored),
        "head": article_head(
            post, revision, record, disclosure=disclosure, is_indexable=is_indexable, is_preview=is_preview
        ),
        "disclosure": disclosure,
        "bands": bands,
        "folds": folds,
        "claims_are_ours": are_ours,
        "way_on": way_on(post, revision.snapshot, is_listed=is_listed),
        "is_indexable": is_indexable,
        "is_preview": is_preview,
    }


@public
def record(request, slug):
    """The record of the text that stands at the address, with what was decided about it."""
    post, answer = find_page(slug)
    if answer is HttpResponsePermanentRedirect:
        return answer(f"{post.get_absolute_url().rstrip('/')}.json")
    if answer:
        return answer(request)
    revision = post.visible_revision
    response = JsonResponse(
        {"record": record_of(post, revision), "review": review_of(post, revision)},
        json_dumps_params={"ensure_ascii": False},
    )
    if not post.is_indexable:
        response.headers["X-Robots-Tag"] = "noindex"
    return mark_page(response, keys=keys_of_post(post), takes=())


@public
def robots(request):
    """Hides nothing but the desk: a page that must not be indexed has to be read to say so."""
    lines = ["User-agent: *", f"Disallow: {reverse('admin:index')}"]
    if settings.INDEXING:
        lines.append(f"Sitemap: {settings.SITE_URL}{reverse('posts:sitemap')}")
    return _text_file(lines)


@public
def security_txt(request):
    """Where to report a hole in the site (RFC 9116); only where the site names a contact."""
    if not settings.SITE_CONTACT:
        raise Http404
    # The same for a whole month, so that the file has an ETag that holds; between five and six months ahead.
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    expires = (month + timedelta(days=6 * 31)).replace(day=1)
    lines = [
        f"Contact: mailto:{quote(settings.SITE_CONTACT, safe='@+')}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {settings.SITE_URL}{reverse('posts:security-txt')}",
    ]
    return _text_file(lines)


def _text_file(lines):
    response = HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")
    return mark_page(response, keys=(), takes=())


def bad_request(request, exception=None):
    return render(request, "400.html", status=400)


def forbidden(request, exception=None):
    return render(request, "403.html", {"reason": str(exception or "")}, status=403)


def csrf_failure(request, reason=""):
    """A form without our own token: from another site, or from before a login or a long pause."""
    return forbidden(request, "The form was too old or came from elsewhere. Load its page anew and send it again.")


def not_found(request, exception=None):
    return render(request, "404.html", status=404)


def gone(request):
    return render(request, "410.html", status=410)


def server_error(request):
    return render(request, "500.html", status=500)
