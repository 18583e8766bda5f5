"""JSON Lines: one record a line, UTF-8, LF or CR LF (https://jsonlines.org)."""

import codecs
import re

from pydantic_core import from_json

from posts.importing.readers.base import Reader, Row
from posts.records import MAX_RECORD_BYTES, Problem

KEPT_OF_LONG_LINE = 4096
# Exports begin like this; only a line that doesn't is taken apart to find its identity.
_FIRST_KEY = re.compile(rb'\{\s*"source_id"\s*:\s*"([^"\\\x00-\x1f]+)"')


class JsonLinesReader(Reader):
    """A Row for each line that isn't blank; an over-long line is skipped to its end without being held."""

    format = "jsonl"
    label = "JSON Lines (gzipped or not)"

    def rows(self):
        number = 0
        while line := self.stream.readline(MAX_RECORD_BYTES + 2):
            number += 1
            if number == 1 and line.startswith(codecs.BOM_UTF8):
                line = line[len(codecs.BOM_UTF8) :]
            if len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
                size = len(line) + self._skip_line()
                if size > MAX_RECORD_BYTES:
                    message = f"is a line of {size:,} bytes; a record takes {MAX_RECORD_BYTES:,} at most."
                    yield Row(number, line[:KEPT_OF_LONG_LINE], problem=Problem("", message), is_cut=True)
                    continue
            if line := line.strip():
                yield Row(number, line, identity_of(line))

    def _skip_line(self):
        """Read to the end of the line in pieces; return how many bytes that was."""
        size = 0
        while piece := self.stream.readline(1 << 16):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        return size

    @staticmethod
    def looks_like(head):
        return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{"


def identity_of(line):
    """The identity that a raw line gives, or None; nothing is checked here.

    Wrong only for a line that gives it twice, and then no post has the line's hash under this identity.
    """
    try:
        if match := _FIRST_KEY.match(line):
            return match[1].decode()
        data = from_json(line)
    except ValueError:
        return None
    source_id = data.get("source_id") if isinstance(data, dict) else None
    # A database would refuse these before any check could.
    return source_id if isinstance(source_id, str) and "\x00" not in source_id else None
