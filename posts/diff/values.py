"""Two JSON values by path: what was added, removed, changed, or moved within its list."""

import json
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from posts.diff.sequences import Budget, anchored_pairs
from posts.diff.texts import ADDED, REMOVED, Segment, Segments, word_segments

CLAIMS = ("score", "revision", "flags", "hash", "view_count", "reading_time")


@dataclass
class ValueChange:
    """One change at `pointer` (RFC 6901). kind: added, removed, changed, moved. `from_place` counts from 1."""

    pointer: str
    kind: str
    segments: Segments
    from_place: int = 0
    to_place: int = 0
    mark: int = 0

    @property
    def is_claim(self) -> bool:
        """Whether the value is a claim of the record about itself."""
        return self.pointer.split("/")[1] in CLAIMS

    @property
    def old_segments(self) -> list[Segment]:
        return [segment for segment in self.segments if not segment.is_added]

    @property
    def new_segments(self) -> list[Segment]:
        return [segment for segment in self.segments if not segment.is_removed]

    @property
    def what(self) -> str:
        """The kind of change in words, for the list of marks."""
        if self.kind == "moved":
            return f"moved from {self.from_place} to {self.to_place}"
        return {"added": "new", "removed": "removed", "changed": "other value"}[self.kind]


def compare_values(
    old: Any, new: Any, budget: Budget, pointer: str = "", *, ordered_at: Collection[str] = ()
) -> list[ValueChange]:
    """Return the [ValueChange] between two JSON values; empty only if they are the same JSON.

    ordered_at: pointers of objects whose key order is content.
    """
    if json.dumps(old) == json.dumps(new):
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        return _objects(old, new, budget, pointer, ordered_at)
    if isinstance(old, list) and isinstance(new, list):
        return _lists(old, new, budget, pointer, ordered_at)
    return [ValueChange(pointer, "changed", tuple(word_segments(shown(old), shown(new), budget)))]


def _objects(
    old: dict[str, Any], new: dict[str, Any], budget: Budget, pointer: str, ordered_at: Collection[str]
) -> list[ValueChange]:
    changes = []
    for key in dict.fromkeys([*new, *old]):
        at = f"{pointer}/{escaped(key)}"
        if key not in old:
            changes += _only(new[key], "added", at)
        elif key not in new:
            changes += _only(old[key], "removed", at)
        else:
            changes += compare_values(old[key], new[key], budget, at, ordered_at=ordered_at)
    if pointer in ordered_at:
        places = [[key for key in side if key in other] for side, other in ((old, new), (new, old))]
        if places[0] != places[1]:
            changes += _moves([(key, f"{pointer}/{escaped(key)}") for key in places[1]], places[0], budget)
    return changes


def _moves(now: list[tuple[str, str]], before: list[str], budget: Budget) -> list[ValueChange]:
    keys = [key for key, _ in now]
    kept = {j for _, j in anchored_pairs(before, keys, budget)}
    place = {key: number for number, key in enumerate(before, 1)}
    return [
        ValueChange(at, "moved", (Segment(" ", key),), place[key], number)
        for number, (key, at) in enumerate(now, 1)
        if number - 1 not in kept
    ]


def _lists(
    old: list[Any], new: list[Any], budget: Budget, pointer: str, ordered_at: Collection[str]
) -> list[ValueChange]:
    """Return the changes between two lists: first those of the items of `new`, in order, then what was removed."""
    old_items, new_items = [dumped(item) for item in old], [dumped(item) for item in new]
    pairs = anchored_pairs(old_items, new_items, budget)
    kept_old, kept_new = {i for i, _ in pairs}, {j for _, j in pairs}
    gone = [i for i in range(len(old)) if i not in kept_old]
    come = [j for j in range(len(new)) if j not in kept_new]
    moved = _moved({i: old_items[i] for i in gone}, {j: new_items[j] for j in come})
    gone = sorted(set(gone).difference(moved.values()))
    partners = _partners(old, new, gone, [j for j in come if j not in moved])
    changes = []
    for j in come:
        at = f"{pointer}/{j}"
        if j in moved:
            changes.append(ValueChange(at, "moved", (Segment(" ", shown(new[j])),), moved[j] + 1, j + 1))
        elif j in partners:
            changes += compare_values(old[partners[j]], new[j], budget, at, ordered_at=ordered_at)
        else:
            changes += _only(new[j], "added", at)
    for i in sorted(set(gone).difference(partners.values())):
        changes += _only(old[i], "removed", f"{pointer}/{i}")
    return changes


def _moved(gone: dict[int, str], come: dict[int, str]) -> dict[int, int]:
    """Return {place in the new list: place in the old one} of moved items; of equal items, the first with the first."""
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for i, item in gone.items():
        waiting[item].append(i)
    return {j: waiting[item].popleft() for j, item in come.items() if waiting[item]}


def _partners(old: list[Any], new: list[Any], gone: list[int], come: list[int]) -> dict[int, int]:
    """Return {j: i}: changed items that are the same thing: objects with one name, else neighbours in order."""
    partners: dict[int, int] = {}
    names: dict[str | None, int] = {}
    for i in gone:
        if (name := _name(old[i])) is not None:
            names.setdefault(name, i)
    for j in come:
        if (place := names.pop(_name(new[j]), None)) is not None:
            partners[j] = place
    left = set(gone) - set(partners.values())
    for j in come:
        if j not in partners and j in left:
            partners[j] = j
    return partners


def _name(item: object) -> str | None:
    """Return what identifies an object in a list: its address, name or caption."""
    if isinstance(item, dict):
        for key in ("url", "name", "caption"):
            if isinstance(name := item.get(key), str):
                return name
    return None


def _only(value: Any, kind: str, pointer: str) -> list[ValueChange]:
    sign = ADDED if kind == "added" else REMOVED
    return [ValueChange(pointer, kind, (Segment(sign, shown(value)),))]


def dumped(value: Any) -> str:
    """Return JSON text that is equal only for equal values: 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def shown(value: Any) -> str:
    """Return a JSON value as text for people."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def escaped(key: str) -> str:
    """Return a key escaped for a JSON Pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")
