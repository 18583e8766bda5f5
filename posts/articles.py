"""The HTML of a text: stored at release, cached before that, rendered once either way."""

import hashlib

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.safestring import SafeString

from alphanode.shared_cache import keep, recall
from posts.models import Post, RenderedArticle, SiteFigure
from posts.rendering import RENDERER_VERSION, Heading, RenderedText, render_text

CACHE_SECONDS = 3600
# Articles that are rendered between two writes.
CHUNK = 50
_STATE = "articles"


def hosts_key():
    """Sixteen hex digits for the set of allowed image hosts, which decides what a rendered page loads."""
    return hashlib.sha256(" ".join(sorted(settings.IMAGE_HOSTS)).encode()).hexdigest()[:16]


def _key(revision):
    return {"fingerprint": revision.fingerprint, "renderer_version": RENDERER_VERSION, "hosts_key": hosts_key()}


def store_article(revision):
    """Keep the HTML of a released text, so that no reader waits for its rendering."""
    RenderedArticle.objects.get_or_create(**_key(revision), defaults=_rendered(revision))


def _rendered(revision):
    """The fields of a RenderedArticle that are made of a text."""
    rendered = render_text(revision.snapshot, image_hosts=tuple(settings.IMAGE_HOSTS))
    return {"html": str(rendered.html), "contents": [[h.level, h.id, h.text] for h in rendered.contents]}


def store_articles_anew(*, between=lambda: None):
    """Keep the HTML of every live text under what it depends on by now, and let go of what stands under anything else;
    return how many were rendered. Does nothing where that is done already.

    In sets of CHUNK, rendered before anything is locked. between() is called between two sets, and may raise: then the
    next call goes on from there.
    """
    key = f"{RENDERER_VERSION}:{hosts_key()}"
    state = SiteFigure.objects.filter(name=_STATE).first()
    value = state.value if state else {}
    if value.get("stored") == key:
        return 0
    last, count = value.get("after", 0) if value.get("towards") == key else 0, 0
    live = Post.objects.filter(live_revision__isnull=False).select_related("live_revision").order_by("pk")
    while posts := list(live.only("live_revision__fingerprint", "live_revision__snapshot").filter(pk__gt=last)[:CHUNK]):
        count += _store_missing([post.live_revision for post in posts])
        last = posts[-1].pk
        _note({"towards": key, "after": last})
        between()
    _forget_others(between)
    _note({"stored": key})
    return count


def _store_missing(revisions):
    missing = {revision.fingerprint: revision for revision in revisions}
    stored = RenderedArticle.objects.filter(
        fingerprint__in=missing, renderer_version=RENDERER_VERSION, hosts_key=hosts_key()
    )
    for fingerprint in stored.values_list("fingerprint", flat=True):
        del missing[fingerprint]
    rows = [RenderedArticle(**_key(revision), **_rendered(revision)) for revision in missing.values()]
    RenderedArticle.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _forget_others(between):
    last = 0
    while rows := list(
        RenderedArticle.objects.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", "renderer_version", "hosts_key")[: 10 * CHUNK]
    ):
        last = rows[-1][0]
        others = [pk for pk, *key in rows if key != [RENDERER_VERSION, hosts_key()]]
        RenderedArticle.objects.filter(pk__in=others).delete()
        between()


def _note(value):
    SiteFigure.objects.update_or_create(name=_STATE, defaults={"value": value, "counted_at": timezone.now()})


def with_stored_article(posts):
    """Annotate a queryset of posts with `stored_html` and `stored_contents` of their live text, in the same query."""
    stored = RenderedArticle.objects.filter(
        fingerprint=OuterRef("live_revision__fingerprint"),
        renderer_version=RENDERER_VERSION,
        hosts_key=hosts_key(),
    )
    return posts.annotate(
        stored_html=Subquery(stored.values("html")[:1]), stored_contents=Subquery(stored.values("contents")[:1])
    )


def rendered_article(revision, *, stored_html=None, stored_contents=None):
    """The RenderedText of `revision`: as stored if given, else from the cache, else rendered into the cache.

    Writes nothing to the database: a GET never takes SQLite's write lock.
    """
    if stored_html is not None:
        html, contents = stored_html, stored_contents
    else:
        key = "article:{fingerprint}:{renderer_version}:{hosts_key}".format(**_key(revision))
        match recall(key):
            case [str() as html, list() as contents]:
                pass
            case _:
                html, contents = _rendered(revision).values()
                keep(key, (html, contents), CACHE_SECONDS)
    # The HTML left the sanitizer when it was stored; nothing else writes these places.
    return RenderedText(html=SafeString(html), contents=[Heading(*heading) for heading in contents])
