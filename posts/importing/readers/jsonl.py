"""JSON Lines: one record a line, UTF-8, LF or CR LF (https://jsonlines.org), and common variants.

The variants are one JSON array of records, commas after records, and records over several lines or several on one
line.
"""

import codecs
import re
from collections.abc import Iterator

from pydantic_core import from_json

from posts.importing.mapping import Mapping
from posts.importing.readers.base import HashedStream, Reader, Row
from posts.importing.sources import Source, SourceUnreadable
from posts.records.schema import MAX_RECORD_BYTES, Problem

KEPT_OF_LONG_LINE = 4096
READ_BYTES = 64 * 1024
# JSON white space, and the separator before each text of a JSON text sequence (RFC 7464).
SPACE = b" \t\r\n\x1e"
CUT_OFF = "is where the file ends: its list of records has no “]”. The file seems to be cut off. Download it again."
# Exports begin like this; only other lines are parsed for their identity.
_FIRST_KEY = re.compile(rb'\{\s*"source_id"\s*:\s*"([^"\\\x00-\x1f]+)"')
_OUTSIDE_TEXT, _INSIDE_TEXT = re.compile(rb'["{}\[\],]'), re.compile(rb'["\\]')


class JsonLinesReader(Reader):
    """Yields a Row for each record.

    That is each line that isn't blank or, depending on the first line, each value of a list or of a sequence of JSON
    values. An over-long line is skipped without being held in memory.
    """

    format = "jsonl"
    label = "JSON Lines, or a JSON list of records (gzipped or not)"
    reads_ahead = True

    def __init__(self, source: Source, mapping: Mapping | None = None) -> None:
        super().__init__(source, mapping)
        if mapping:
            # Otherwise people would think that two sources are kept apart.
            raise SourceUnreadable(
                f"{source.name} is JSON Lines, where source_id identifies a post. Import it without a site and "
                f"without a mapping file, and begin each source_id with the name of its source."
            )

    def rows(self) -> Iterator[Row]:
        number, is_begun = 0, False
        while line := self.stream.readline(MAX_RECORD_BYTES + 2):
            number += 1
            if number == 1:
                self._refuse_utf_16(line)
                line = line.removeprefix(codecs.BOM_UTF8)
            if not is_begun and line.strip(SPACE):
                is_begun = True
                if not _is_one_record(line):
                    yield from _rows_of_values(self.stream, line, number)
                    return
            if len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
                size = len(line) + self._skip_line()
                if size > MAX_RECORD_BYTES:
                    yield _too_long(number, line, size)
                    continue
            # A comma after a record separates records, as in a list.
            if line := line.strip(SPACE).removesuffix(b",").rstrip(SPACE):
                yield Row(number, line, identity_of(line))

    def _refuse_utf_16(self, line: bytes) -> None:
        if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise SourceUnreadable(f"{self.source.name} is UTF-16. Save it as UTF-8 and import it again.")

    def _skip_line(self) -> int:
        """Read to the end of the line in pieces; return its number of bytes."""
        size = 0
        while piece := self.stream.readline(1 << 16):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        return size

    @staticmethod
    def looks_like(head: bytes) -> bool:
        return bool(re.match(rb"\s*(?:\{|\[\s*[{\]])", head.removeprefix(codecs.BOM_UTF8)))


def _is_one_record(line: bytes) -> bool:
    """Return whether the first line of a file is one record, valid or not.

    False for the start of a list, for a record that continues on more lines, and for several records.
    """
    line = line.strip(SPACE)
    if line.startswith(b"["):
        return bool(re.match(rb"\[\s*[^\s{\]]", line))
    if not line.startswith(b"{"):
        return True
    values = _Values()
    whole = sum(1 for _ in values.ended_in(line))
    goes_on = line == b"{" or (line.endswith(b",") and values.depth == 1 and not values.in_text)
    return not (goes_on or whole > 1 or (whole and values.size))


def _too_long(number: int, beginning: bytes, size: int, what: str = "a line") -> Row:
    message = f"is {what} of {size:,} bytes; a record can have at most {MAX_RECORD_BYTES:,}."
    return Row(number, beginning[:KEPT_OF_LONG_LINE], problem=Problem("", message), is_cut=True)


def _rows_of_values(stream: HashedStream, data: bytes, number: int) -> Iterator[Row]:
    """Yield a Row for each value of a list or sequence that begins with `data` and continues in `stream`.

    Its number is the line where it begins, or the next number if that line is already used.
    """
    values, last = _Values(number), 0
    while data:
        for value, size, line in values.ended_in(data):
            last = max(last + 1, line)
            yield _too_long(last, value, size, "a value") if size > MAX_RECORD_BYTES else _row(last, value)
        data = stream.read(READ_BYTES)
    rest = bytes(values.held)
    if values.in_list:
        yield Row(max(last + 1, values.line), rest[:KEPT_OF_LONG_LINE], problem=Problem("", CUT_OFF), is_cut=True)
    elif rest:
        yield _row(max(last + 1, values.line), rest[:MAX_RECORD_BYTES])


def _row(number: int, value: bytes) -> Row:
    return Row(number, value, identity_of(value))


class _Values:
    """Finds the values in a stream of JSON bytes, and holds only the one that has begun."""

    def __init__(self, line: int = 1) -> None:
        self.line = line
        self.depth = self.skipped = 0
        self.in_list = self.in_text = False
        self.held, self.size, self.begun = bytearray(), 0, line

    def ended_in(self, data: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield (value, its size, its first line) for each value that ends in `data`.

        Of a long value only the beginning is kept.
        """
        start, place = 0, self.skipped
        self.skipped = 0
        while match := (_INSIDE_TEXT if self.in_text else _OUTSIDE_TEXT).search(data, place):
            sign, at, place = match[0], match.start(), match.end()
            if sign == b"\\":
                place += 1
            elif sign == b'"':
                self.in_text = not self.in_text
            elif sign in b"{[":
                if sign == b"[" and not self.depth and not self.in_list and not self._has_begun(data[start:at]):
                    self.in_list, start = True, self._pass_by(data, start, place)
                else:
                    self.depth += 1
            elif self.depth > 1:
                self.depth -= sign in b"}]"
            elif self.depth and sign in b"}]":
                self.depth = 0
                yield from self._end(data[start:place])
                start = place
            elif not self.depth and (sign == b"," or (sign == b"]" and self.in_list)):
                yield from self._end(data[start:at])
                self.in_list, start = self.in_list and sign == b",", place
        self.skipped = max(0, place - len(data))
        self._hold(data[start:])

    def _has_begun(self, data: bytes) -> bool:
        return bool(self.size or data.strip(SPACE))

    def _pass_by(self, data: bytes, start: int, place: int) -> int:
        self.line += data.count(b"\n", start, place)
        return place

    def _hold(self, data: bytes) -> None:
        if not self.size:
            begun = data.lstrip(SPACE)
            self.begun = self.line + data.count(b"\n", 0, len(data) - len(begun))
        else:
            begun = data
        self.line += data.count(b"\n")
        self.size += len(begun)
        self.held += begun[: max(0, MAX_RECORD_BYTES + 1 - len(self.held))]

    def _end(self, data: bytes) -> Iterator[tuple[bytes, int, int]]:
        self._hold(data)
        # There may be nothing between two commas.
        if self.size:
            yield bytes(self.held).rstrip(SPACE), self.size, self.begun
        self.held, self.size = bytearray(), 0


def identity_of(line: bytes) -> str | None:
    """Return the identity in a raw line, or None, without validation.

    It is wrong only for a line with two identities, and then no post has the line's hash under this one.
    """
    try:
        if match := _FIRST_KEY.match(line):
            return match[1].decode()
        data = from_json(line)
    except ValueError:
        return None
    source_id = data.get("source_id") if isinstance(data, dict) else None
    # A database would refuse these before any check.
    return source_id if isinstance(source_id, str) and "\x00" not in source_id else None
