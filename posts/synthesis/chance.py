"""Random draws that are the same on every machine and with every version of Python."""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import TypeVar

_DRAWS = 192  # a little more than an article needs
_UNPACK = struct.Struct(f"<{_DRAWS}I").unpack
Item = TypeVar("Item")


class Chance:
    """A stream of draws from a seed: SHAKE-256 (FIPS 202) over seed and stream, read as 32-bit numbers.

    `stream` separates several streams of one seed: draws from one don't affect the others.
    """

    __slots__ = ("_next",)

    def __init__(self, seed: int, stream: str = "") -> None:
        self._next = _numbers(f"{seed}/{stream}").__next__

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to limit - 1, for limits up to 2³². The bias of limit / 2³² is negligible."""
        return self._next() * limit >> 32

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + (self._next() * (high - low + 1) >> 32)

    def often(self, share: int) -> bool:
        """Return True in `share` of a hundred draws."""
        return self._next() * 100 >> 32 < share

    def one_in(self, times: int) -> bool:
        return self._next() * times >> 32 == 0

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self._next() * len(items) >> 32]

    def some(self, items: Iterable[Item], count: int) -> list[Item]:
        """Return `count` different items in random order (fewer, if there are not as many)."""
        left, draw = list(items), self._next
        if count == 1 and left:
            return [left[draw() * len(left) >> 32]]
        return [left.pop(draw() * most >> 32) for most in range(len(left), max(0, len(left) - count), -1)]


def _numbers(name: str) -> Iterator[int]:
    return chain.from_iterable(
        _UNPACK(hashlib.shake_256(f"{name}/{block}".encode()).digest(4 * _DRAWS)) for block in count()
    )
