"""Rows as CSV that a spreadsheet shows and never runs."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

BYTE_ORDER_MARK = "\ufeff"
# Excel, LibreOffice and Google Sheets treat a cell that begins with one of these as a formula (wide forms too).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# What a spreadsheet may skip before the first character: spaces, control characters, zero-width marks.
_UNSEEN = re.compile("[\\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*")


def safe_cell(value: Any) -> str:
    """Return `value` (text, number, bool, datetime, list or None) as the text of a cell.

    A value that a spreadsheet would run as a formula gets an apostrophe before it. Source: OWASP, "CSV Injection".
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    seen = _UNSEEN.sub("", text, count=1)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) or seen.startswith(FORMULA_STARTS) else text


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield CSV (RFC 4180) line by line for an iterable of rows, without holding them in memory.

    It begins with a byte order mark, because without one Excel reads UTF-8 in the machine's own encoding.
    """
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(header)
    yield BYTE_ORDER_MARK + line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(map(safe_cell, row))
        yield line.getvalue()
