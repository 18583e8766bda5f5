"""Generated records as JSON Lines: for a file, and as the stream that an import reads."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from posts.records.schema import RecordDict
from posts.synthesis.plants import Plan, Plant, synthesize_planted
from posts.synthesis.synthesizer import synthesize_record

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def record_lines(
    count: int, seed: int, plan: Plan | None = None, on_plant: Callable[[Plant], object] | None = None
) -> Iterator[bytes]:
    """Yield the records of `count` seeds from `seed` on, each as one line of UTF-8 with its line end.

    plan: {kind: share} of what is planted (posts.synthesis.plants). on_plant(plant) is called for each planted case.
    """
    for number in range(seed, seed + count):
        if plan:
            record, plant = synthesize_planted(number, plan)
            if plant and on_plant:
                on_plant(plant)
        else:
            record = synthesize_record(number)
        yield as_line(record)


def as_line(record: RecordDict) -> bytes:
    return _encode(record).encode() + b"\n"


def as_stream(lines: Iterable[bytes]) -> io.BufferedReader:
    """Return a binary stream of an iterable of lines; it holds one line and one buffer at a time."""
    return io.BufferedReader(_Lines(lines), buffer_size=256 * 1024)


class _Lines(io.RawIOBase):
    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._rest or next(self._lines, b"")
        count = min(len(buffer), len(chunk))
        buffer[:count], self._rest = chunk[:count], chunk[count:]
        return count
