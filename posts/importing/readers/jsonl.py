"""JSON Lines: one record a line, UTF-8, LF or CR LF (https://jsonlines.org)."""

import codecs
from dataclasses import dataclass

from posts.records import MAX_RECORD_BYTES, Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source. `problem` is set when the row can't even be read; `raw` then holds its beginning."""

    line: int
    raw: bytes
    problem: Problem | None = None


KEPT_OF_LONG_LINE = 4096


def read_json_lines(stream):
    """Yield a Row for each line that isn't blank, in flat memory: an over-long line is skipped to its end."""
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES + 2):
        number += 1
        if number == 1 and line.startswith(codecs.BOM_UTF8):
            line = line[len(codecs.BOM_UTF8) :]
        if len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
            size = len(line) + _skip_line(stream)
            message = f"is a line of {size:,} bytes; a record takes {MAX_RECORD_BYTES:,} at most."
            yield Row(number, line[:KEPT_OF_LONG_LINE], Problem("", message))
        elif line := line.strip():
            yield Row(number, line)


def _skip_line(stream):
    """Read to the end of the line in pieces; return how many bytes that was."""
    size = 0
    while piece := stream.readline(1 << 16):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size
