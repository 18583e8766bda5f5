"""The finished part of an article's page: all of it but what other posts decide. A worker stores it, requests read it.

It is good for exactly the values that it was made from: those of the one query for the page, besides the text. A
request reads the same values and compares their digest. So no change has to reach it, and it can't be outdated.
"""

import hashlib
import json
import threading
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Self

import zstandard
from django.conf import settings
from django.db import connection
from django.db.models import BinaryField, Case, CharField, ExpressionWrapper, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.template import engines
from django.urls import get_script_prefix

from posts.db.prepared_query import PreparedQuery
from posts.listing.article_html import hosts_key, with_stored_article
from posts.listing.picture_copies import with_picture_copies
from posts.models import Post
from posts.models.fields import OrderedJSONField
from posts.operations.source_links import with_link_targets
from posts.page_cache.edition import edition
from posts.public.related import Place, RelatedPosts
from posts.public.term_links import with_term_slugs
from posts.rendering.control_characters import html_text

# Which column: the page, or the record as JSON.
HTML, RECORD = "html", "record"
# What a live text is made of stands in its fingerprint and in the number of its revision, which never changes. The
# proposed text, and what a source claims today, show only where no text is live.
_NOT_COMPARED = {
    "live_snapshot",
    "proposed_snapshot",
    "stored_html",
    "stored_contents",
    "finished",
    "finished_from",
    "head_revision_id",
    "view_count",
    "claimed_revision",
    "claimed_hash",
    "flags",
}
_of_thread = threading.local()
# No page contains it.
_BETWEEN = b"\0"


class FinishedPart(NamedTuple):
    """What is stored of a page, of the post `pk` with a live text of this fingerprint."""

    pk: int
    fingerprint: str
    stored: bytes

    def opened(self) -> bytes:
        """Return the bytes that were stored."""
        return _unpacked(self.stored)


class AroundRelatedPosts(NamedTuple):
    """The HTML before and after the related posts of a page, in UTF-8, and the Place of the post."""

    place: Place
    before: bytes
    after: bytes

    @classmethod
    def of(cls, stored: bytes) -> Self:
        """Return what packed() was given."""
        place, before, after = stored.split(_BETWEEN)
        kind, key, name, at = json.loads(place)
        return cls(Place((kind, key) if kind else None, name, datetime.fromisoformat(at)), before, after)

    def packed(self) -> bytes:
        kind, key = self.place.stack or ("", "")
        place = json.dumps([kind, key, self.place.name, self.place.at.isoformat()])
        return packed(_BETWEEN.join([place.encode(), self.before, self.after]))


def packed(stored: bytes) -> bytes:
    """Return the compressed form of bytes, for a FinishedArticle."""
    return zstandard.ZstdCompressor(level=9).compress(stored)


def _unpacked(stored: bytes) -> bytes:
    if (opener := getattr(_of_thread, "opener", None)) is None:
        # One must not serve two threads at once.
        opener = _of_thread.opener = zstandard.ZstdDecompressor()
    opened: bytes = opener.decompress(stored)
    return opened


def own_edition() -> str:
    """Return the name of all that finished parts are made of besides the database."""
    return hashlib.sha256(f"{edition()} {settings.LIST_ORDER}".encode()).hexdigest()[:32]


def find(slug: str, column: str) -> FinishedPart | Post | None:
    """Return what is stored of the page at `slug` if it is good now; else the Post with all that its page shows.

    None if no post has this address. In one query, or in two if the stored part is outdated. column: HTML or RECORD.
    """
    # Addresses on the page contain the prefix.
    if not settings.STORED_PAGES or get_script_prefix() != "/":
        return read_post(slug)
    query = _query(connection.vendor, hosts_key(), settings.IMAGES, own_edition(), column)
    rows = query.raw_rows(slug=slug)
    if not rows:
        return None
    row, at = rows[0], query.places
    if (stored := row[at["finished"]]) is None:
        return _whole(query.made_from(rows)[0])
    if row[at["finished_from"]] == _digest(query, row):
        return FinishedPart(row[at["id"]], row[at["live_revision__fingerprint"]], stored)
    return read_post(slug)


def read_post(slug: str) -> Post | None:
    """Return the Post at `slug` with all that its page shows, or None, in one query."""
    found = read_with_digest(slug)
    return found[0] if found else None


def read_with_digest(slug: str) -> tuple[Post, str] | None:
    """Return the Post at `slug` with all that its page shows, and the digest of these values, or None."""
    query = _query(connection.vendor, hosts_key(), settings.IMAGES, "", HTML)
    rows = query.raw_rows(slug=slug)
    return (_whole(query.made_from(rows)[0]), _digest(query, rows[0])) if rows else None


def _whole(post: Post) -> Post:
    """Return a post whose texts were read beside the rows of their revisions."""
    if post.live_revision is not None:
        post.live_revision.snapshot = post.live_snapshot
    elif post.head_revision is not None:
        post.head_revision.snapshot = post.proposed_snapshot
    return post


class _PageQuery(PreparedQuery):
    """The query for a page, with the places of its columns and of those that are compared."""

    def __init__(self, *arguments: Any, **kinds: type) -> None:
        super().__init__(*arguments, **kinds)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.compared = [
            place
            for name, place in self.places.items()
            if name not in _NOT_COMPARED and not name.startswith("head_revision__")
        ]


def _digest(query: _PageQuery, row: tuple[Any, ...]) -> str:
    """Return the digest of what a page shows besides its text, from a row as the driver gives it."""
    return hashlib.sha256(repr([row[place] for place in query.compared]).encode()).hexdigest()[:32]


@lru_cache(maxsize=16)
def _query(vendor: str, hosts: str, images: str, own: str, column: str) -> _PageQuery:
    """Return the query for the post at an address. The arguments are all that its SQL depends on.

    own: the edition whose finished parts are read; the text is not read where there is one. "": the whole post.
    """
    posts = Post.objects.for_its_page().defer("live_revision__snapshot").with_flagged_at().with_last_decision()
    is_stored = Q(finished_article__edition=own) if own else None

    def where_stored(value: F | None, otherwise: F | None) -> Combinable:
        return Case(When(is_stored, then=value), default=otherwise) if is_stored else otherwise or Value(None)

    values = {
        "live_snapshot": (None, F("live_revision__snapshot"), OrderedJSONField()),
        "finished": (F(f"finished_article__{column}"), None, BinaryField()),
        "finished_from": (F("finished_article__made_from"), None, CharField()),
    }
    all_values = with_picture_copies(with_stored_article(posts, unless=is_stored)).annotate(
        **{
            name: ExpressionWrapper(where_stored(value, otherwise), field)
            for name, (value, otherwise, field) in values.items()
        }
    )
    return _PageQuery(lambda slug: with_link_targets(with_term_slugs(all_values)).filter(slug=slug), slug=str)


def html_of(related_posts: RelatedPosts) -> bytes:
    """Return the part of a page between the finished ones, in UTF-8."""
    engine: Any = engines["jinja2"]
    macro = engine.env.get_template("posts/_beside.html").module.beside
    return html_text(macro(related_posts)).encode()
