"""Walks along keys: each step is a range of an index, so that the thousandth costs what the first costs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Model, Q, QuerySet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# No column holds longer numbers.
_MAX_DIGITS = 18


def in_chunks(rows: QuerySet[Any, Any], *, size: int, key: str = "pk", after: Any = None) -> Iterator[list[Any]]:
    """Yield lists of at most `size` rows in the order of their unique column `key`, beginning behind the key `after`.

    Each list is a query of its own: memory stays flat, and no query stays open while the caller works on the rows. The
    first value of a row from values_list() must be the key.
    """
    rows = rows.order_by(key)
    while chunk := list((rows if after is None else rows.filter(**{f"{key}__gt": after}))[:size]):
        yield chunk
        last = chunk[-1]
        after = getattr(last, key) if isinstance(last, Model) else last[0] if isinstance(last, tuple) else last


class Cursor(tuple[Any, ...]):
    """The values of a row in the columns of a PageOrder. It outlives the row, and as text it goes into addresses."""

    def __str__(self) -> str:
        return "-".join(str((part - _EPOCH) // _MICROSECOND if isinstance(part, datetime) else part) for part in self)


class PageOrder:
    """The order of a list that is read in pages: from its beginning, after a cursor, or back from one."""

    def __init__(self, *columns: tuple[str, type]) -> None:
        """Take the names of columns, "-" before those that descend, with their types: datetime, or int from 0 up."""
        self.types = {name.removeprefix("-"): kind for name, kind in columns}
        self._descends = [name.startswith("-") for name, _ in columns]

    def cursor_of(self, row: Model) -> Cursor:
        """Return the cursor that names a row."""
        return Cursor(getattr(row, name) for name in self.types)

    def parse(self, text: str) -> Cursor | None:
        """Return the Cursor that str() wrote; None for any other text."""
        parts = text.split("-")
        if len(parts) != len(self.types):
            return None
        if not all(part.isascii() and part.isdigit() and len(part) <= _MAX_DIGITS for part in parts):
            return None
        try:
            return Cursor(
                _EPOCH + int(part) * _MICROSECOND if kind is datetime else int(part)
                for part, kind in zip(parts, self.types.values(), strict=True)
            )
        except OverflowError:
            return None

    def after(self, rows: QuerySet[Any, Any], cursor: Cursor | None) -> QuerySet[Any, Any]:
        """Return the rows after a cursor (None: all of them) in this order."""
        return self._walk(rows, cursor, self._descends)

    def before(self, rows: QuerySet[Any, Any], cursor: Cursor | None) -> QuerySet[Any, Any]:
        """Return the rows before a cursor (None: all of them), the nearest first."""
        return self._walk(rows, cursor, [not descends for descends in self._descends])

    def _walk(self, rows: QuerySet[Any, Any], cursor: Cursor | None, descends: list[bool]) -> QuerySet[Any, Any]:
        if cursor is not None:
            equal: dict[str, Any] = {}
            beyond = Q()
            comparisons = ["lt" if descending else "gt" for descending in descends]
            for name, comparison, value in zip(self.types, comparisons, cursor, strict=True):
                beyond |= Q(**equal, **{f"{name}__{comparison}": value})
                equal[name] = value
            # The first column is compared twice, so that both engines begin the walk there.
            rows = rows.filter(beyond, **{f"{next(iter(self.types))}__{comparisons[0]}e": cursor[0]})
        signs = ["-" if descending else "" for descending in descends]
        return rows.order_by(*(sign + name for sign, name in zip(signs, self.types, strict=True)))
