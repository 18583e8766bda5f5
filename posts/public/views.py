"""The readers' pages. A view chooses a queryset and a template; rules are in the models."""

import hashlib
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from functools import lru_cache, wraps
from typing import Any, TypeVar
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from posts.db.change_log import LISTS, SITE_STATS, SWITCHES, article_key, keys_of_post, post_key
from posts.db.prepared_query import PreparedQuery
from posts.db.unchanged import Unchanged, state_of_log, unchanged
from posts.listing.article_html import rendered_article, rendering_key
from posts.listing.excerpts import computed_minutes
from posts.listing.facets import most_used
from posts.listing.picture_copies import are_copied, copies_of_post
from posts.listing.site_stats import STATS_SECONDS, site_stats
from posts.listing.summaries import PostSummary, lines_of, placeholder_words, with_lines
from posts.models import FormerSlug, ListedText, Post, Revision, Term
from posts.models.authorship import LABELS, site_claim
from posts.models.claims import claims_if_approved, claims_of, with_claims
from posts.models.lookups import KeyIsAmong
from posts.models.purged_post import is_gone
from posts.operations.source_links import link_targets_of_post
from posts.outages import is_for_programs, problem, unavailable
from posts.page_cache import cache_page
from posts.public import finished_articles
from posts.public.beginning import beginning
from posts.public.disclosure import disclosure_of, shown_revision, with_own_answer
from posts.public.finished_articles import AroundRelatedPosts, FinishedPart
from posts.public.json_ld import MAX_AUTHORS, article_head, home_data, page_data
from posts.public.meta_box import meta_box
from posts.public.record_json import pictures_of, record_of, review_of
from posts.public.redirects import kept_instead
from posts.public.related import RelatedPosts, kept_related_posts, related_posts
from posts.public.term_links import address_finder
from posts.records.verify_command import check_command
from posts.rendering.picture_copies import record_with_copies
from posts.reverse import address, one_prefix

HOME_NEWEST = 7
HOME_REVIEWED = 5
# How many terms of each kind the home page shows.
WAYS_IN = ((Term.Kind.STACK, 10), (Term.Kind.TOPIC, 6), (Term.Kind.TOOL, 8), (Term.Kind.DIFFICULTY, 5))


Answer = TypeVar("Answer", bound=HttpResponseBase)


def public(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """Decorate a view whose page any cache may store if it revalidates each time. The view only reads."""

    @require_safe
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Answer:
        with one_prefix():
            response = view(request, *args, **kwargs)
        shared = f", s-maxage={settings.CDN_MAX_AGE}" if settings.CDN_MAX_AGE else ""
        response.headers.setdefault("Cache-Control", f"public, max-age=0, must-revalidate{shared}")
        return cache_page(response, route=request.resolver_match.view_name if request.resolver_match else "")

    return wrapped


def respond(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    vary_on: Iterable[str] = (),
    has_stats: bool = False,
) -> HttpResponse:
    """Render a list page, which every change of a list removes from caches.

    vary_on: as for cache_page(). has_stats: whether it shows numbers about the whole site. Where no background job
    counts them, they change unnoted.
    """
    response = _page(request, template, context)
    if has_stats:
        return cache_page(response, keys=[LISTS, SITE_STATS], vary_on=vary_on, seconds=STATS_SECONDS)
    return cache_page(response, keys=[LISTS], vary_on=vary_on)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page whose head and headers agree about search engines: context["is_indexable"]."""
    response = render(request, template, context)
    response.is_indexable = context["is_indexable"]  # type: ignore[attr-defined]  # a response takes any attribute
    return response


@public
def home(request: HttpRequest) -> HttpResponse:
    """Show new posts, recently reviewed posts, and links to all lists."""
    newest, reviewed, kept = _home_posts()
    figures = site_stats(kept)
    known = figures.approved + figures.waiting
    context = {
        "figures": figures,
        "claim": site_claim(figures.listed_origins),
        "approved_percent": 100 * figures.approved / known if known else 0,
        "lead": newest[0] if newest else None,
        "lead_words": placeholder_words(newest[0].record) if newest else "",
        "newest": newest[1:],
        "reviewed": reviewed,
        "ways": kept.get(("ways in", settings.INDEXING, address("posts:home")), _ways_in),
        "json_ld": home_data(),
        "beginning": None if newest else beginning(figures),
        "is_indexable": settings.INDEXING,
    }
    return respond(request, "posts/home.html", context, has_stats=True)


def _home_posts() -> tuple[list[PostSummary], list[PostSummary], Unchanged]:
    """Return (newest posts, posts reviewed lately that are not among them, what the process keeps), in one query."""
    kept = unchanged()
    if not settings.INDEXING:
        return [], [], kept
    rows = _home_query(connection.vendor).raw_rows(log=kept.position)
    kept = kept.confirmed(rows[0][-1] if rows else None)
    # The first posts in both orders, by their places: texts that sort like dates.
    found = list(zip(lines_of([row[:-2] for row in rows]), rows, strict=True))
    newest = [line for line, _ in sorted(found, key=lambda pair: (pair[1][2], pair[0].pk), reverse=True)]
    lately = [line for line, _ in sorted(found, key=lambda pair: (pair[1][-2], pair[0].pk), reverse=True)]
    newest = newest[:HOME_NEWEST]
    shown = {line.pk for line in newest}
    return newest, [line for line in lately if line.pk not in shown][:HOME_REVIEWED], kept


@lru_cache(maxsize=2)
def _home_query(vendor: str) -> PreparedQuery:
    """Return the PreparedQuery for the lines of the first posts in two orders, with their places and the log's state.

    Some may no longer be listed, if an import was closed a moment ago, so there are twice as many as are shown.
    """
    reach = 2 * (HOME_NEWEST + HOME_REVIEWED)
    walks = [
        ListedText.objects.order_by(order, "-post").values_list("post_id")[:reach].query.sql_with_params()
        for order in ("-published_at", "-reviewed_at")
    ]
    first = " UNION ".join(f"SELECT post_id FROM ({walk}) walk_{at}" for at, (walk, _) in enumerate(walks))  # noqa: S608

    def lines(log: int) -> Any:
        posts = Post.objects.listed().filter(KeyIsAmong(first, [value for _, values in walks for value in values]))
        reviewed = Cast("listed_text__reviewed_at", TextField())
        return with_lines(posts.annotate(reviewed=reviewed, state=state_of_log(log)), "reviewed", "state")

    return PreparedQuery(lines, log=int)


def _ways_in() -> list[tuple[str, str, str, list[tuple[Term, int]]]]:
    """Return [(label, address of all, [(Term, percent of the most used)])] of the kinds with a list."""
    found, ways = most_used(WAYS_IN), []
    for kind, _ in WAYS_IN:
        if terms := [term for term in found if term.kind == kind]:
            top, plural = terms[0].listed_count, Term.PLURALS[kind]
            rows = [(term, round(100 * term.listed_count / top)) for term in terms]
            ways.append((f"By {kind.label.lower()}", address("posts:kind", plural), plural, rows))
    return ways


@public
def how(request: HttpRequest) -> HttpResponse:
    """Show statistics about how this site is made: decisions, pending posts, and who wrote them."""
    figures = site_stats()
    rows = [
        ("Approved by a person and listed", figures.listed, "approved"),
        ("Approved, not listed", figures.unlisted, "approved"),
        ("Approved, flagged for another review", figures.flagged, "flagged"),
        ("Pending review", figures.waiting, "open"),
        ("Changes requested", figures.sent_back, "open"),
        ("Rejected", figures.rejected, "open"),
        ("Not released: drafts, and articles approved for later", figures.unreleased, "open"),
        ("Withdrawn", figures.withdrawn, "open"),
    ]
    origins = [(LABELS[origin], listed, waiting) for origin, listed, waiting in figures.origins]
    context = {
        "figures": figures,
        "rows": rows,
        "origins": origins,
        "json_ld": page_data("How this site is made", reverse("posts:how"), kind="AboutPage"),
        "is_indexable": settings.INDEXING,
    }
    return respond(request, "posts/how.html", context, has_stats=True)


def find_page(slug: str) -> Post | Callable[[HttpRequest], HttpResponse]:
    """Return the post whose page is at `slug`, or another one to which that address leads; else the view that answers.

    Another one has another slug: the post had the address before, or was kept instead of the one that has it.
    """
    return _page_of(finished_articles.read_post(slug), slug)


def _page_of(post: Post | None, slug: str) -> Post | Callable[[HttpRequest], HttpResponse]:
    """Return what find_page() returns, for the post that has this slug now."""
    if post is None:
        former = (
            FormerSlug.objects.filter(slug=slug).select_related("post__live_revision", "post__head_revision").first()
        )
        post = former.post if former else None
    if post is not None and post.visible_revision is None and (kept := kept_instead(post)) is not None:
        return kept
    if post is not None and post.withdrawn_at and (post.is_imported or post.first_published_at):
        return gone
    if post is None:
        return gone if is_gone(slug) else not_found
    return post if post.visible_revision is not None else not_found


@public
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    found = finished_articles.find(slug, finished_articles.HTML)
    if isinstance(found, FinishedPart):
        if (response := _finished_page(found)) is not None:
            return response
        found = finished_articles.read_post(slug)
    post = _page_of(found, slug)
    if not isinstance(post, Post):
        return post(request)
    if post.slug != slug:
        return HttpResponsePermanentRedirect(post.get_absolute_url())
    context = article_context(post, post.readable_revision)
    response = _page(request, "posts/detail.html", context)
    return _cached_article(response, post.pk, post.readable_revision.fingerprint, context["related_posts"])


def _finished_page(part: FinishedPart) -> HttpResponse | None:
    """Return the page of a listed post from its stored part and its stored related posts, None if it has none."""
    around = AroundRelatedPosts.of(part.opened())
    if (related_posts := kept_related_posts(part.pk, around.place)) is None:
        return None
    beside = finished_articles.html_of(related_posts)
    response = HttpResponse(b"".join([around.before, beside, around.after]))
    # A name for the same bytes as that of the middleware, from a fifth of them.
    response.headers["ETag"] = f'"{hashlib.sha256(part.stored + beside).hexdigest()[:32]}"'
    # Only the pages of listed posts have such parts.
    response.is_indexable = True  # type: ignore[attr-defined]  # a response takes any attribute
    return _cached_article(response, part.pk, part.fingerprint, related_posts)


def _cached_article(response: HttpResponse, pk: int, fingerprint: str, related_posts: RelatedPosts) -> HttpResponse:
    """Return the page of a post as one that may be cached until something on it changes."""
    keys = {SWITCHES, article_key(fingerprint, **rendering_key()), post_key(pk)}
    keys.update(post_key(line.pk) for line in related_posts.lines)
    if not related_posts.are_kept:
        # Stored related posts note their changes; others are found on request, among all listed posts.
        keys.add(LISTS)
    return cache_page(response, keys=keys, vary_on=())


def article_context(post: Post, revision: Revision, *, is_preview: bool = False) -> dict[str, Any]:
    """Return the context of the article template, for the public page and for the preview."""
    is_live = revision.pk == post.live_revision_id
    # A reviewer sees the claims that an approval would show to readers.
    claims = claims_if_approved(post, revision) if is_preview else claims_of(post, revision)
    shown, are_ours = shown_revision(post, revision, claims.get("revision", {}))
    record = with_claims(revision.snapshot, claims | {"revision": shown})
    disclosure = disclosure_of(post, revision)
    is_listed = post.is_indexable and is_live
    is_indexable = is_listed and not is_preview
    way = related_posts(post, revision.snapshot, is_listed=is_listed)
    address_of = address_finder(getattr(post, "term_slugs", None) if is_listed else way.term_slugs)
    bands, folds = meta_box(with_own_answer(record, post), address_of)
    stack = next(iter(record.get("stack", ())), "")
    stack_address = address_of("stack", stack) if stack else ""
    # A preview shows what the hosts have now: that is what a reviewer approves.
    copies = (copies_of_post(post) if is_live else {}) if are_copied() and not is_preview else None
    return {
        "post": post,
        "revision": revision,
        "record": record,
        "article": rendered_article(
            revision,
            targets=link_targets_of_post(post),
            copies=copies,
            stored_html=getattr(post, "stored_html", None) if is_live else None,
            stored_contents=getattr(post, "stored_contents", None) if is_live else None,
        ),
        "head": article_head(
            post,
            revision,
            record if copies is None else record_with_copies(record, copies),
            disclosure=disclosure,
            address_of=address_of,
            is_indexable=is_indexable,
            is_preview=is_preview,
        ),
        "stack_address": stack_address,
        "disclosure": disclosure,
        "check_command": check_command(settings.SITE_URL + address("posts:record", post.slug)),
        "bands": bands,
        "folds": folds,
        "claims_are_ours": are_ours,
        "computed_minutes": computed_minutes(record),
        "authors": [(name, address_of("authors", name)) for name in disclosure.authors[:MAX_AUTHORS]],
        "related_posts": way,
        "is_indexable": is_indexable,
        "is_preview": is_preview,
    }


@public
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the record of the text at the address, with its decision."""
    found = finished_articles.find(slug, finished_articles.RECORD)
    if isinstance(found, FinishedPart):
        response = HttpResponse(found.opened(), content_type="application/json")
        response.is_indexable = True  # type: ignore[attr-defined]  # a response takes any attribute
        return cache_page(response, keys={post_key(found.pk), SWITCHES}, vary_on=())
    post = _page_of(found, slug)
    if not isinstance(post, Post):
        return post(request)
    if post.slug != slug:
        return HttpResponsePermanentRedirect(f"{post.get_absolute_url().rstrip('/')}.json")
    response = record_response(post, post.readable_revision)
    response.is_indexable = post.is_indexable  # type: ignore[attr-defined]  # a response takes any attribute
    return cache_page(response, keys=keys_of_post(post), vary_on=())


def record_response(post: Post, revision: Revision) -> HttpResponse:
    """Return the record of `revision`, the text at the address of `post`, with its decision."""
    return JsonResponse(
        {
            "record": record_of(post, revision),
            "review": review_of(post, revision),
            "pictures": pictures_of(post, revision),
        },
        json_dumps_params={"ensure_ascii": False},
    )


@public
def robots(request: HttpRequest) -> HttpResponse:
    """Disallow only the admin: a page has to be read to say that it is noindex."""
    lines = ["User-agent: *", f"Disallow: {reverse('admin:index')}"]
    if settings.INDEXING:
        lines.append(f"Sitemap: {settings.SITE_URL}{reverse('posts:sitemap')}")
    return _text_file(lines)


@public
def security_txt(request: HttpRequest) -> HttpResponse:
    """Return where to report a vulnerability (RFC 9116), if the site names a contact."""
    if not settings.SITE_CONTACT:
        raise Http404
    # The same for a whole month, so that the file has a stable ETag; five to six months ahead.
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    expires = (month + timedelta(days=6 * 31)).replace(day=1)
    lines = [
        f"Contact: mailto:{quote(settings.SITE_CONTACT, safe='@+')}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {settings.SITE_URL}{reverse('posts:security-txt')}",
    ]
    return _text_file(lines)


def _text_file(lines: Iterable[str]) -> HttpResponse:
    response = HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")
    return cache_page(response, keys=(), vary_on=())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400, "Bad request", "The address or the request is invalid.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    reason = str(exception or "")
    title = "You don’t have permission to do that"
    return _error(request, 403, title, reason or "Ask the site's administrator.", {"reason": reason})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without our token: from another site, or from before a sign-in or a long pause."""
    context = {"title": "This form has expired", "reason": "Go back, reload the page and send the form again."}
    return render(request, "403.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 404, "Address not found", "Nothing has this address.")


def gone(request: HttpRequest) -> HttpResponse:
    return _error(request, 410, "This article was withdrawn", "It was published here and has been withdrawn.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an uncaught exception: 503 for an outage of the database, else 500."""
    error = sys.exception()
    outage = unavailable(request, error) if isinstance(error, Exception) else None
    return outage or _error(
        request, 500, "Something went wrong on our side", "The error has been logged. Try again later."
    )


def _error(
    request: HttpRequest, status: int, title: str, detail: str, context: dict[str, str] | None = None
) -> HttpResponse:
    """Return the page of an error, or for a program a problem with these words."""
    if is_for_programs(request):
        return problem(status, title, detail)
    return render(request, f"{status}.html", context, status=status)
