"""Heads of the chain that are kept elsewhere: a file to which a line is added daily, for verify_audit to compare."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils import timezone

from posts.audit.chain import Head

_LINE = re.compile(r"(?:\S+ )?(\d{1,18})[ :]([0-9a-f]{64})")


def add_head(file: Path, head: Head) -> None:
    """Add a line to the file: the time, the number of the link and its digest. Earlier lines stay."""
    line = f"{timezone.now().isoformat(timespec='seconds')} {head.sequence} {head.digest}\n"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def heads_in(file: Path) -> Iterator[Head]:
    """Yield the heads of a file. Raise ValueError at a line that is none, OSError if the file can't be read."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield parse_head(line.strip())
            except ValueError as error:
                raise ValueError(f"{file}, line {number}: {error}") from None


def parse_head(text: str) -> Head:
    """Return the Head in a line of the file, or in NUMBER:DIGEST. Raise ValueError if it is neither."""
    if not (found := _LINE.fullmatch(text)):
        raise ValueError("a head is a number and a digest of 64 hexadecimal digits")
    return Head(int(found[1]), found[2])
