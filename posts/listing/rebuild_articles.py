import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypedDict

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from posts.db.keyset import in_chunks
from posts.listing.article_html import rendered_fields, rendering_key
from posts.models import Post, RenderedArticle, Revision, SiteFigure

# Articles rendered between two writes.
CHUNK = 50
# So long the previous version of the site may return and find its articles.
KEPT = timedelta(days=1)
_NAME = "articles"


class _State(TypedDict):
    """What the last call left.

    key: what it stored for. after: the post where it stopped. newest: the newest row when it began or last looked.
    stored_at: when all was stored.
    """

    key: dict[str, Any] | None
    after: int
    newest: int
    stored_at: str | None


def rebuild_articles(*, seconds: float = 30, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Store the HTML of every live text that is missing or outdated; return how many were rendered.

    A call works for about `seconds`, in sets that are rendered before anything is locked, and the next call
    continues. When all is done, a call costs two short queries. on_checkpoint: called between sets, may raise.
    """
    value, newest = _state(), RenderedArticle.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    if value["key"] != rendering_key() or (value["stored_at"] and _others().filter(pk__gt=value["newest"]).exists()):
        # Everything: another version of the site, or one with other hosts, has released texts meanwhile.
        value = {"key": rendering_key(), "after": 0, "newest": newest, "stored_at": None}
    if value["stored_at"]:
        if value["newest"] != newest:
            _note(value | {"newest": newest})
        return 0
    count, ends = 0, time.monotonic() + seconds
    live = Post.objects.filter(live_revision__isnull=False).select_related("live_revision")
    live = live.only("live_revision__fingerprint", "live_revision__snapshot")
    for posts in in_chunks(live, size=CHUNK, after=value["after"]):
        count += _store_missing([post.live_revision for post in posts])
        value["after"] = posts[-1].pk
        _note(value)
        on_checkpoint()
        if time.monotonic() > ends:
            return count
    _note(value | {"stored_at": timezone.now().isoformat()})
    return count


def forget_other_articles(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete outdated articles a day after all were stored again; return the number of rows."""
    value = _state()
    stored_at = parse_datetime(value["stored_at"] or "")
    if value["key"] != rendering_key() or stored_at is None or stored_at > timezone.now() - KEPT:
        return 0
    count, others = 0, _others().filter(created_at__lt=stored_at)
    for found in in_chunks(others.values_list("pk", flat=True), size=10 * CHUNK):
        on_checkpoint()
        count += RenderedArticle.objects.filter(pk__in=found).delete()[0]
    return count


def _others() -> QuerySet[RenderedArticle]:
    return RenderedArticle.objects.exclude(**rendering_key())


def _state() -> _State:
    """Return what the last call left."""
    state = SiteFigure.objects.filter(name=_NAME).first()
    return state.value if state else {"key": None, "after": 0, "newest": 0, "stored_at": None}


def _note(value: _State) -> None:
    SiteFigure.objects.update_or_create(name=_NAME, defaults={"value": value, "counted_at": timezone.now()})


def _store_missing(revisions: Iterable[Revision]) -> int:
    missing = {revision.fingerprint: revision for revision in revisions}
    stored = RenderedArticle.objects.filter(fingerprint__in=missing, **rendering_key())
    for fingerprint in stored.values_list("fingerprint", flat=True):
        del missing[fingerprint]
    rows = [
        RenderedArticle(fingerprint=fingerprint, **rendering_key(), **rendered_fields(revision))
        for fingerprint, revision in missing.items()
    ]
    RenderedArticle.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
