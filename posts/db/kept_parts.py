"""What a process keeps of a large table in parts: it reads a part again once the change log names the part's key.

Each look reads the rows of the log since the look before it (posts.db.change_log). The parts that they name are read
after that look, all others are what they were: no transaction that changed them has become visible meanwhile. So what
is kept is never older than the database was at the look, and a change costs what it changed, however many parts exist.

posts.db.unchanged keeps single values in the same way; any change ends those.
"""

import time
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from posts.db.change_log import Changes, changes_since

Value = TypeVar("Value")
Made = TypeVar("Made")

# After so many rows of the log everything is read again: that takes no longer then.
MOST_ROWS = 500
# At the latest then everything is read again: for a server that took over and lost the last changes. Pages are kept as
# long (posts.page_cache.policy).
SECONDS = 600
# Above every position: from there on the log is empty.
_NEVER = 2**62


class Parts(Generic[Value]):
    """The values of all parts by their keys, as they were at one moment. Nobody changes them."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values
        self._made: tuple[Hashable, Any] = (None, None)

    def made(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what make() makes of these values. What it made last is kept under its key."""
        kept, found = self._made
        if kept != key:
            found = make()
            self._made = (key, found)
        result: Made = found
        return result


class _Look(NamedTuple):
    """What is kept since a look: all changes below `horizon` are in it, and those of the rows `told`."""

    parts: Parts[Any]
    horizon: int
    told: frozenset[int]
    until: float


_kept: dict["KeptParts[Any]", _Look] = {}


def forget() -> None:
    """Keep nothing: the database is another one, or it has lost changes that this process has seen."""
    _kept.clear()


class KeptParts(Generic[Value]):
    """Keeps the values of parts.

    read(keys) returns {key: value} of those parts, without parts that are not there; read(None) that of all. is_part:
    whether a key of the log is one of a part. ends_all: a key with which every part may have changed.
    """

    def __init__(
        self,
        read: Callable[[Collection[str] | None], Mapping[str, Value]],
        *,
        is_part: Callable[[str], bool],
        ends_all: str,
    ) -> None:
        self._read = read
        self._is_part = is_part
        self._ends_all = ends_all

    def now(self) -> Parts[Value]:
        """Return the Parts of this moment."""
        kept = _kept.get(self)
        if kept is None or time.monotonic() >= kept.until:
            return self._read_all(changes_since(_NEVER))
        changes = changes_since(kept.horizon, limit=MOST_ROWS)
        told = {number for number, _, _ in changes.rows or ()}
        # A server that doesn't have what was told before is another one, and has less.
        if changes.rows is None or changes.horizon < kept.horizon or not kept.told <= told:
            return self._read_all(changes)
        named = {key for number, _, keys in changes.rows if number not in kept.told for key in keys}
        if self._ends_all in named:
            return self._read_all(changes)
        parts: Parts[Value] = kept.parts
        if changed := set(filter(self._is_part, named)):
            left = {key: value for key, value in parts.values.items() if key not in changed}
            parts = Parts({**left, **self._read(changed)})
        # The next look may tell these again, because a transaction that is as old still runs.
        again = frozenset(number for number, position, _ in changes.rows if position >= changes.horizon)
        # Last, and all together: another thread goes on from one look or the other.
        _kept[self] = _Look(parts, changes.horizon, again, kept.until)
        return parts

    def _read_all(self, changes: Changes) -> Parts[Value]:
        parts = Parts(self._read(None))
        _kept[self] = _Look(parts, changes.horizon, frozenset(), time.monotonic() + SECONDS)
        return parts
