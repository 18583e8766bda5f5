"""What summary lines say about posts, on lists, in search and beside an article.

A page has up to fifty of them, and a whole record holds far more than they show.
"""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import Case, F, QuerySet, TextField, When
from django.db.models.functions import Cast, Coalesce

from posts.db.prepared_query import PreparedQuery
from posts.db.unchanged import state_of_log
from posts.listing.excerpts import computed_minutes, excerpt_of
from posts.listing.publication_date import first_day
from posts.models import Post
from posts.models.fields import OrderedJSONField
from posts.models.origin import MACHINES, declared_origin
from posts.records.schema import RecordDict
from posts.rendering.images import own_picture
from posts.reverse import address
from posts.search.snippets import PlainWords, plain_words

_FIELDS = ("title", "stack", "difficulty", "reading_time", "published_on")
_OF_PICTURE = ("url", "alt", "caption", "width", "height")
# Lines of the newest posts stand on every list: a process reads so many rows once. A line is never changed.
MOST_KNOWN = 300
# Authors in a summary line.
MAX_AUTHORS = 3
# What a PostSummary is made of, in its order.
_COLUMNS = ("pk", "slug", "place", "first_published_at", "live_approval__created_at", "origin", "line")


class PostSummary(NamedTuple):
    """What a summary line about a listed post needs."""

    pk: int
    slug: str
    published_at: datetime  # its place in lists
    released_at: datetime
    approved_at: datetime
    origin: str | None  # of the import that brought its text
    record: RecordDict  # of its live text, from record_of_summary() or whole

    @property
    def address(self) -> str:
        """The path of its page."""
        return address("posts:detail", self.slug)

    @property
    def authors(self) -> list[str]:
        """The names of its by-line, at most MAX_AUTHORS."""
        return [] if self.origin in MACHINES else self.record.get("authors", ())[:MAX_AUTHORS]

    @property
    def excerpt(self) -> str:
        """What it says about itself, or its beginning."""
        return excerpt_of(self.record)

    @property
    def computed_minutes(self) -> int | None:
        """Its reading time, if its record states none."""
        return self.record.get("computed_minutes") or computed_minutes(self.record)

    @property
    def first_published_on(self) -> date | None:
        """The day on which it was first published elsewhere, or None."""
        return first_day(self.record, self.released_at)


def record_of_summary(record: RecordDict) -> RecordDict:
    """Return a record dict without all that is long."""
    line = {name: record[name] for name in _FIELDS if name in record}
    if "authors" in record:
        line["authors"] = record["authors"][:MAX_AUTHORS]
    if excerpt := excerpt_of(record):
        line["summary"] = excerpt
    if minutes := computed_minutes(record):
        line["computed_minutes"] = minutes
    images = [picture] if (picture := _own_first_picture(record)) else []
    words = placeholder_words(record)
    if words not in (record["title"], picture.get("caption")):
        images.append({"caption": words})
    if images:
        line["image_sources"] = images
    return line


def _own_first_picture(record: RecordDict) -> RecordDict:
    """Return what a list shows of a record's first image if its file is on this site; {} for any other."""
    first: RecordDict = next(iter(record.get("image_sources", ())), {})
    return {name: first[name] for name in _OF_PICTURE if name in first} if own_picture(first.get("url", "")) else {}


def placeholder_words(record: RecordDict) -> str:
    """Return the words for a post's placeholder image: its first image's caption, else its title."""
    captions = (image["caption"] for image in record.get("image_sources", ()) if "caption" in image)
    words: str = next(captions, record["title"])
    return words


def with_summaries(posts: QuerySet[Post], *more: str, are_whole: bool = False) -> QuerySet[Post, tuple[Any, ...]]:
    """Return the rows of listed `posts` (a queryset) that PostSummary needs, then the annotations in `more`.

    are_whole: with whole records. They also serve texts released by a version of the site without summaries.
    """
    return _annotated(posts, are_whole=are_whole).values_list(*_COLUMNS, *more)


def with_lines(posts: QuerySet[Post], *more: str) -> QuerySet[Post, tuple[Any, ...]]:
    """Return the same as rows of texts, for lines_of(): converting a hundred dates takes as long as all else."""
    texts = {f"{name}_text": Cast(name, TextField()) for name in _COLUMNS[2:]}
    return _annotated(posts, are_whole=False).annotate(**texts).values_list(*_COLUMNS[:2], *texts, *more)


def _annotated(posts: QuerySet[Post], *, are_whole: bool) -> QuerySet[Post]:
    kept = Case(
        When(listed_text__line=None, then="live_revision__snapshot"),
        default="listed_text__line",
        output_field=OrderedJSONField(),
    )
    # So do the moment of its release, and what is known of the import that brought it.
    return posts.annotate(
        line=F("live_revision__snapshot") if are_whole else kept,
        place=Coalesce("listed_text__published_at", "first_published_at"),
        origin=Coalesce(declared_origin("listed_text__source_batch", ""), declared_origin("live_revision__batch", "")),
    )


def lines_of(rows: Collection[tuple[Any, ...]]) -> list[PostSummary]:
    """Return the PostSummary of each row of with_lines(), without more: the same object for the same row."""
    lines = [_known.get(row) for row in rows]
    if None not in lines:
        return lines  # type: ignore[return-value]  # there is no None
    made = [line or _line_of(row) for line, row in zip(lines, rows, strict=True)]
    if len(_known) > MOST_KNOWN:
        _known.clear()
    _known.update(zip(rows, made, strict=True))
    return made


def _line_of(row: tuple[Any, ...]) -> PostSummary:
    pk, slug, place, released, approved, origin, record = row
    moments = moment_of(place), moment_of(released), moment_of(approved)
    return PostSummary(pk, slug, *moments, origin, _json_of(record))


def _json_of(record: str) -> RecordDict:
    """Return a record from its JSON: in a third of the time, where it has nothing that only Python's module reads."""
    try:
        found: RecordDict = orjson.loads(record)
    except orjson.JSONDecodeError:
        found = json.loads(record)
    return found


def moment_of(text: str) -> datetime:
    """Return the datetime in a text of with_lines(). SQLite stores them in UTC, without saying so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_summaries(keys: Collection[int]) -> dict[int, PostSummary]:
    """Return {primary key: PostSummary} of those posts among `keys` that may be listed now."""
    if not keys or not settings.INDEXING:
        return {}
    return {line.pk: line for line in lines_of(_query(connection.vendor).raw_rows(keys=list(keys)))}


def read_with_words(keys: Collection[int], log: int) -> tuple[dict[int, tuple[PostSummary, PlainWords]], str | None]:
    """Return the same with the words of their live texts; and the state of the log from the position `log` on.

    The state is None if there are none.
    """
    if not keys or not settings.INDEXING:
        return {}, None
    rows = _words_query(connection.vendor).raw_rows(keys=list(keys), log=log)
    lines = lines_of([row[:-5] for row in rows])
    found = {line.pk: (line, _words_of(*row[-5:-1])) for line, row in zip(lines, rows, strict=True)}
    return found, rows[0][-1] if rows else None


def _words_of(whole: str | None, *words: str) -> PlainWords:
    return PlainWords(*words) if whole is None else plain_words(_json_of(whole))


# By the row as the driver gives it: another row is another line.
_known: dict[tuple[Any, ...], PostSummary] = {}


@lru_cache(maxsize=2)
def _query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda keys: with_lines(Post.objects.listed().filter(pk__among=keys)), keys=list)


@lru_cache(maxsize=2)
def _words_query(vendor: str) -> PreparedQuery:
    def lines(keys: list[int], log: int) -> QuerySet[Post, tuple[Any, ...]]:
        posts = Post.objects.listed().filter(pk__among=keys)
        # The whole record of a text that was released by a version of the site that stored no words.
        is_stored = When(plain_text__number=F("listed_text__pk"), then=None)
        whole = Case(is_stored, default=Cast("live_revision__snapshot", TextField()), output_field=TextField())
        words = [f"plain_text__{name}" for name in PlainWords._fields]
        return with_lines(posts.annotate(whole=whole, state=state_of_log(log)), "whole", *words, "state")

    return PreparedQuery(lines, keys=list, log=int)
