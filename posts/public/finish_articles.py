"""Makes the finished parts of articles, after every change and for the whole archive. Requests only read them."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypedDict

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from posts.db.change_log import EVERYTHING, SWITCHES, changes_since, posts_named
from posts.db.keyset import in_chunks
from posts.listing.article_html import rendering_key
from posts.models import FinishedArticle, Post, RenderedArticle, Revision, SiteFigure
from posts.page_cache.stored import oldest_reading
from posts.public.finished_articles import (
    HTML,
    AroundRelatedPosts,
    FinishedPart,
    find,
    own_edition,
    packed,
    read_with_digest,
)
from posts.public.related import Place
from posts.public.views import article_context, record_response

# Articles made between two writes.
CHUNK = 50
# The most rows of the change log for one run; after more, every article is looked at.
MOST_CHANGES = 20_000
_NAME = "finished articles"
_BEYOND = 2**63 - 1


class _State(TypedDict):
    """What the last run left.

    edition: what it made articles for. horizon: every change below this position was looked at; read_at says when the
    log was read. next_post: where the walk through all live posts goes on, backwards; None: it is complete.
    """

    edition: str
    horizon: int
    read_at: str
    next_post: int | None


def finish_articles(*, seconds: float = 15, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Bring the finished parts of articles up to date for about `seconds`; return how many were made.

    The next call continues. on_checkpoint: called between sets, when all work is committed; may raise.
    """
    if not settings.STORED_PAGES:
        return 0
    state, begun, count = _state(), time.monotonic(), 0
    changes = changes_since(state["horizon"], limit=MOST_CHANGES)
    keys = set(EVERYTHING.split()) if changes.rows is None else set().union(*(row[2] for row in changes.rows))
    read_at = parse_datetime(state["read_at"])
    if (
        state["edition"] != own_edition()
        or SWITCHES in keys
        # The database was restored elsewhere, or rows were deleted from the log before they were read here.
        or changes.horizon < state["horizon"]
        or read_at is None
        or read_at < oldest_reading()
    ):
        state["next_post"] = _BEYOND
    state["edition"] = own_edition()
    changed = Post.objects.filter(Q(live_revision__isnull=False) | Q(finished_article__isnull=False))
    for posts in in_chunks(changed.filter(pk__in=posts_named(keys)).only("slug"), size=CHUNK):
        count += _finish([post.slug for post in posts])
        on_checkpoint()
        # Half of the time: while an old transaction runs, the log tells the same changes again and again.
        if time.monotonic() > begun + seconds / 2:
            break
    else:
        state |= {"horizon": changes.horizon, "read_at": timezone.now().isoformat()}
    _note(state)
    while state["next_post"] is not None:
        live = Post.objects.filter(live_revision__isnull=False, pk__lt=state["next_post"]).order_by("-pk")
        found = list(live.values_list("pk", "slug")[:CHUNK])
        count += _finish([slug for _, slug in found])
        state["next_post"] = found[-1][0] if found else None
        _note(state)
        on_checkpoint()
        if time.monotonic() > begun + seconds:
            break
    return count


def forget_finished_articles(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete all finished parts where STORED_PAGES is off; return their number."""
    if settings.STORED_PAGES:
        return 0
    SiteFigure.objects.filter(name=_NAME).delete()
    count = 0
    for found in in_chunks(FinishedArticle.objects.values_list("pk", flat=True), size=10 * CHUNK):
        on_checkpoint()
        count += FinishedArticle.objects.filter(pk__in=found).delete()[0]
    return count


def _state() -> _State:
    """Return what the last run left."""
    found = SiteFigure.objects.filter(name=_NAME).first()
    return found.value if found else {"edition": "", "horizon": 0, "read_at": "", "next_post": None}


def _note(state: _State) -> None:
    SiteFigure.objects.update_or_create(name=_NAME, defaults={"value": state, "counted_at": timezone.now()})


def _finish(slugs: Iterable[str]) -> int:
    """Store the finished parts of those listed posts that have none that is good now; return how many were made."""
    made, others = {}, []
    for slug in slugs:
        if isinstance(find(slug, HTML), FinishedPart) or (found := read_with_digest(slug)) is None:
            continue
        post, digest = found
        if post.is_live and post.is_indexable:
            made[post] = _made(post, digest)
        else:
            others.append(post.pk)
    with transaction.atomic():
        rows = FinishedArticle.objects.bulk_create(
            _unchanged(made),
            update_conflicts=True,
            unique_fields=["post"],
            update_fields=["article_id", "edition", "made_from", "html", "record"],
        )
        FinishedArticle.objects.filter(pk__in=others).delete()
    return len(rows)


def _unchanged(made: dict[Post, FinishedArticle]) -> Iterator[FinishedArticle]:
    """Yield what was made of those posts whose live text and its HTML are still what was read; lock these texts.

    No digest covers the text. If somebody changes it by hand, a trigger deletes the finished part, which must be there.
    """
    read = {post.released_revision.pk: post for post in made}
    texts = Revision.objects.select_for_update().filter(pk__in=read).order_by("pk")
    same = [read[pk] for pk, snapshot in texts.values_list("pk", "snapshot") if read[pk].live_snapshot == snapshot]
    stored = RenderedArticle.objects.filter(
        fingerprint__in=[post.released_revision.fingerprint for post in same], **rendering_key()
    )
    html = {fingerprint: (pk, text) for pk, fingerprint, text in stored.values_list("pk", "fingerprint", "html")}
    for post in same:
        made[post].article_id, text = html.get(post.released_revision.fingerprint, (None, None))
        if text == getattr(post, "stored_html", None):
            yield made[post]


def _made(post: Post, digest: str) -> FinishedArticle:
    """Return the finished parts of the page of a listed post, which was read with this digest."""
    revision, mark = post.released_revision, secrets.token_hex(16)
    request = HttpRequest()
    request.path = post.get_absolute_url()
    page = render_to_string("posts/detail.html", article_context(post, revision) | {"mark": mark}, request)
    before, _, after = page.encode().split(mark.encode())
    place = Place.of(revision.snapshot, post.released_at)
    return FinishedArticle(
        # Its key alone: with the post itself both would name each other, and keep the texts until garbage is collected.
        post_id=post.pk,
        edition=own_edition(),
        made_from=digest,
        html=AroundRelatedPosts(place, before, after).packed(),
        record=packed(record_response(post, revision).content),
    )
