"""The rows of a record without ids, ready for the driver; made while the database works on other rows."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateField, Field, Model
from pydantic_core import from_json, to_json

from posts.models import ChecklistItem, ImageSource, Post
from posts.models.checklist_item import item_columns
from posts.models.fields import OrderedJSONField
from posts.models.image_source import image_columns
from posts.models.post import post_columns
from posts.records.schema import RecordDict
from posts.rendering.images import UPLOADS_PATH

if TYPE_CHECKING:
    from posts.importing.plan import Incoming

# The columns of one row, by attribute.
Columns = dict[str, Any]
# The keys of a record that planning and writing read.
BRIEF = ("source_id", "title", "slug", "stack", "view_count", "revision", "hash", "flags")
# Columns of a new post and of its revision that a row of the source decides alone, beside record_columns().
MADE_OF_POST = ("source_id", "import_fingerprint", "import_line_hash", "needs_human_review")
MADE_OF_REVISION = ("version", "fingerprint", "snapshot")
# What stands before each value of a row for COPY.
SIZE = Struct("!i")
_UPLOADS = UPLOADS_PATH.encode()
# A row in the order of a table's columns, ready for the driver.
DriverRow = tuple[Any, ...]


class Table:
    """The concrete columns of a model."""

    def __init__(
        self, model: type[Model], connection: BaseDatabaseWrapper, names: Collection[str] | None = None
    ) -> None:
        fields = [f for f in model._meta.concrete_fields if names is None or f.attname in names]
        self.name = model._meta.db_table
        self.fields = fields
        self.columns = [str(field.column) for field in fields]
        self._take = itemgetter(*(field.attname for field in fields))
        preparations = [(at, _preparation(field, connection)) for at, field in enumerate(fields)]
        self._preparations = [(at, prepare) for at, prepare in preparations if prepare]

    def rows(self, values: Iterable[Columns]) -> list[DriverRow]:
        """Return the rows for the driver."""
        rows = list(map(self._take, values))
        if not self._preparations or not rows:
            return rows
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        for at, prepare in self._preparations:
            columns[at] = map(prepare, columns[at])
        return list(zip(*columns, strict=True))


def _preparation(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    """Return the function that prepares a value of `field` for the driver; None if it needs none."""
    if isinstance(field, OrderedJSONField):
        return _json_text
    if isinstance(field, DateField):  # and DateTimeField
        # A set of rows has few timestamps, mostly the current one.
        return lru_cache(maxsize=32)(lambda value: field.get_db_prep_save(value, connection))
    return None


def _json_text(value: object) -> str:
    """Return the text that OrderedJSONField stores, fast: most of these columns are empty."""
    if type(value) is str:  # by RecordRows
        return value
    if not value:
        return "{}" if type(value) is dict else "[]"
    return to_json(value).decode()


@dataclass(slots=True)
class RecordRows:
    """A canonical record dict as columns, with all JSON as text.

    brief: the record without long texts, for decisions about it. generator: who wrote it, by its payload. has_uploads:
    whether it may show uploaded pictures. copied: the rows for COPY; then the others are made again if somebody needs
    them.
    """

    brief: RecordDict
    generator: str
    has_uploads: bool
    copied: "CopiedRows | None" = None
    _json: bytes | None = None
    _columns: "RecordColumns | None" = None

    @classmethod
    def of(cls, record: RecordDict) -> Self:
        columns = RecordColumns.of(record)
        json = to_json({key: value for key, value in record.items() if key != "slug"})
        brief = {key: record[key] for key in BRIEF if key in record}
        # The JSON of a text has addresses as they are, and is searched at once.
        return cls(brief, columns.post["generator"], _UPLOADS in json, None, json, columns)

    @property
    def json(self) -> bytes:
        """Return the snapshot of its revision, in UTF-8."""
        if self._json is None:
            if self.copied is None:
                raise RuntimeError("A record has its JSON or its rows.")
            self._json = self.copied.json()
        return self._json

    @property
    def snapshot(self) -> str:
        """Return the same as text."""
        return self.json.decode()

    @property
    def record(self) -> RecordDict:
        """Return the record. A snapshot has no slug."""
        record: RecordDict = from_json(self.json)
        return record | {"slug": self.brief["slug"]} if "slug" in self.brief else record

    @property
    def columns(self) -> "RecordColumns":
        """Return its columns, as they are in the tables."""
        if self._columns is None:
            self._columns = RecordColumns.of(self.record)
        return self._columns

    def replace_columns(self, copied: "CopiedRows") -> None:
        """Hold the rows for COPY in place of all others."""
        self.copied, self._json, self._columns = copied, None, None

    def packed(self) -> tuple[Any, ...]:
        """Return the same as values that cost little to hand to another process."""
        columns = self._columns
        return (
            self.brief, self.generator, self.has_uploads, self.copied and tuple(self.copied), self._json,
            columns and (*columns.post.values(), columns.images, columns.items),
        )  # fmt: skip

    @classmethod
    def unpacked(cls, values: tuple[Any, ...]) -> Self:
        """Return the RecordRows from packed()."""
        brief, generator, has_uploads, copied, json, columns = values
        return cls(
            brief, generator, has_uploads, copied and CopiedRows(*copied), json,
            columns and RecordColumns.unpacked(columns),
        )  # fmt: skip


class CopiedRows(NamedTuple):
    """The values of the rows of a new post for COPY, without those that only the database knows.

    post: one row, of MADE_OF_POST and record_columns(). revision: one row, of MADE_OF_REVISION. images, items: rows of
    what follows the post in child_columns().
    """

    post: bytes
    revision: bytes
    images: list[bytes]
    items: list[bytes]

    def json(self) -> bytes:
        """Return the snapshot in the row of the revision: its last value."""
        at = 0
        for _ in MADE_OF_REVISION[:-1]:
            at += SIZE.size + SIZE.unpack_from(self.revision, at)[0]
        return self.revision[at + SIZE.size :]


@dataclass(slots=True)
class RecordColumns:
    """The columns of a record. post: those of Post. images, items: rows of what follows the post in child_columns()."""

    post: Columns
    images: list[DriverRow]
    items: list[DriverRow]

    @classmethod
    def of(cls, record: RecordDict) -> Self:
        post = post_columns(record)
        for name in _json_columns(Post):
            if name in post:
                post[name] = _json_text(post[name])
        take = itemgetter(*child_columns(ImageSource)[1:])
        images = []
        for position, image in enumerate(record.get("image_sources", ()), 1):
            columns = image_columns(image)
            columns["position"], columns["extra"] = position, _json_text(columns["extra"])
            images.append(take(columns))
        take = itemgetter(*child_columns(ChecklistItem)[1:])
        points = enumerate(record.get("checklist", ()), 1)
        items = [take({"position": position, **item_columns(text)}) for position, text in points]
        return cls(post, images, items)

    @classmethod
    def unpacked(cls, values: tuple[Any, ...]) -> Self:
        *post, images, items = values
        return cls(dict(zip(record_columns(), post, strict=True)), images, items)


# Makes the rows for COPY of posts that seem to be new.
Encode = Callable[[Sequence["Incoming"]], list[CopiedRows]]


@cache
def record_columns() -> tuple[str, ...]:
    """Return the columns of Post that come from a record."""
    return tuple(post_columns({}))


# Models of a post's children, and their place in RecordColumns and CopiedRows.
CHILDREN = ((ImageSource, "images"), (ChecklistItem, "items"))


@cache
def child_columns(model: type[Model]) -> list[str]:
    """Return the columns of a child of a post, in the order of the model: the post first."""
    return [field.attname for field in model._meta.concrete_fields if not field.primary_key]


def stored_rows(model: type[Model], post_ids: Collection[int]) -> Iterator[tuple[DriverRow, int]]:
    """Yield (row, key) of the children of posts. A row has the values of child_columns(), JSON as text, as written."""
    columns = child_columns(model)
    json_places = [columns.index(name) for name in _json_columns(model)]
    for *values, key in model._default_manager.filter(post__in=post_ids).values_list(*columns, "pk"):
        for place in json_places:
            values[place] = _json_text(values[place])
        yield tuple(values), key


@cache
def _json_columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, OrderedJSONField)]
