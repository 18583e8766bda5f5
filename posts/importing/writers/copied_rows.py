"""Rows as PostgreSQL's COPY reads them in its binary format, made by whichever process has time for it.

The server has less to do with them than with text: nothing is escaped, and no number is parsed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from posts.importing.writers.rows import SIZE

Row = TypeVar("Row")
# Makes of a value what stands for it in a row: its size, then its bytes.
Encoder = Callable[[Any], bytes]

BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"
# Enough that a call is worth it, and so few that the server never waits long for the next ones.
PART_ROWS = 64
# So many values tell whether a column repeats its values.
PROBED = 64

_NULL = b"\xff\xff\xff\xff"
_size = SIZE.pack
_count = Struct("!h").pack
_numbers = {"smallint": Struct("!ih"), "integer": Struct("!ii"), "bigint": Struct("!iq")}
_FIRST_DAY = date(2000, 1, 1).toordinal()
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


class RowEncoder:
    """Encodes rows of some columns of a table. fields: those of the columns, in their order."""

    def __init__(self, fields: Sequence["Field[Any, Any]"], connection: BaseDatabaseWrapper) -> None:
        self._encoders = [_encoder_of(field.db_type(connection) or "") for field in fields]

    def values(self, rows: Iterable[Iterable[Any]]) -> list[bytes]:
        """Return the values of each row, without what begins it."""
        columns = list(zip(*rows, strict=True))
        if not columns:
            return []
        encoded = [_encoded(encode, column) for encode, column in zip(self._encoders, columns, strict=True)]
        return list(map(b"".join, zip(*encoded, strict=True)))

    def blocks(self, rows: Sequence[Iterable[Any]]) -> Iterator[bytes]:
        """Yield whole rows in blocks, each when it is asked for: the server works on one while the next is made."""
        begin = beginning(len(self._encoders))
        for part in in_parts(rows):
            yield b"".join([begin + values for values in self.values(part)])


def _encoded(encode: Encoder, column: tuple[Any, ...]) -> Iterable[bytes]:
    """Encode the values of a column. Most columns of an import have few different ones."""
    first = column[:PROBED]
    if len(set(first)) > len(first) // 2:
        return map(encode, column)
    by_value = {value: encode(value) for value in set(column)}
    return map(by_value.__getitem__, column)


def beginning(columns: int) -> bytes:
    """Return what begins a row of so many columns."""
    return _count(columns)


def in_parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield these rows in parts, each for a block of the stream."""
    return (rows[at : at + PART_ROWS] for at in range(0, len(rows), PART_ROWS))


def _encoder_of(kind: str) -> Encoder:
    """Return the Encoder for a type of column, by its name in PostgreSQL."""
    if kind == "text" or kind.startswith("varchar"):
        return _text
    if kind in _numbers:
        return _number(_numbers[kind])
    others: dict[str, Encoder] = {"boolean": _boolean, "date": _date, "timestamp with time zone": _moment}
    return others[kind]


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode()
    return _size(len(data)) + data


def _number(struct: Struct) -> Encoder:
    size, pack = struct.size - 4, struct.pack
    return lambda value: _NULL if value is None else pack(size, value)


def _boolean(value: bool | None) -> bytes:
    if value is None:
        return _NULL
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def _date(value: date | None) -> bytes:
    return _NULL if value is None else _numbers["integer"].pack(4, value.toordinal() - _FIRST_DAY)


def _moment(value: datetime | None) -> bytes:
    if value is None:
        return _NULL
    return _numbers["bigint"].pack(8, (value - _FIRST_MOMENT) // timedelta(microseconds=1))
