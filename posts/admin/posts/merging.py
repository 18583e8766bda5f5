"""Three-way merge of records: changes on one side are merged automatically, the rest needs a choice."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from posts.records.schema import RecordDict

# Texts that are merged by paragraph; every other text is a single value.
IN_PARAGRAPHS = ("intro", "body", "summary", "ai_brief")
# Beyond this the parts are not compared one by one: the cost grows with the square of their number.
MAX_PARTS = 1000
CHOICES = ("theirs", "mine", "both")


@dataclass(frozen=True)
class Clash:
    """A place that both sides changed. base, theirs, mine: lists of parts, or of one value if `is_whole`."""

    id: str
    key: str
    number: int
    base: list[Any]
    theirs: list[Any]
    mine: list[Any]
    is_whole: bool


# In order, each a list of parts or a Clash.
Pieces = list[list[Any] | Clash]


@dataclass(frozen=True)
class Settled:
    """A key that only one side changed ("theirs", "mine"), or both in different places ("together")."""

    key: str
    value: object
    origin: str


class Merge:
    """The merge of three canonical record dicts over `keys`; other keys stay as in `theirs`.

    `clashes` need a choice, `settled` are done. Source of the method: S. Khanna, K. Kunal, B. C. Pierce, "A Formal
    Investigation of Diff3", 2007.
    """

    def __init__(self, base: RecordDict, theirs: RecordDict, mine: RecordDict, keys: Iterable[str]) -> None:
        self.theirs = theirs
        self.clashes: list[Clash] = []
        self.settled: list[Settled] = []
        self._plans: dict[str, tuple[Pieces, type | None]] = {}
        for key in keys:
            sides = base.get(key), theirs.get(key), mine.get(key)
            if not _same(sides[1], sides[2]):
                self._take(key, *sides)

    def _take(self, key: str, base: Any, theirs: Any, mine: Any) -> None:
        if _same(mine, base):
            self.settled.append(Settled(key, theirs, "theirs"))
        elif _same(theirs, base):
            self._plans[key] = [[mine]], None
            self.settled.append(Settled(key, mine, "mine"))
        else:
            pieces, kind = self._plans[key] = self._pieces(key, base, theirs, mine)
            clashes = [piece for piece in pieces if isinstance(piece, Clash)]
            self.clashes += clashes
            if not clashes:
                self.settled.append(Settled(key, _joined(pieces, kind), "together"))

    def _pieces(self, key: str, *sides: Any) -> tuple[Pieces, type | None]:
        """Return (Pieces; their type, None for a single value)."""
        empty = type(next(side for side in sides if side is not None))()
        split = [parts for side in sides if (parts := _parts(key, empty if side is None else side)) is not None]
        if len(split) == len(sides) and max(map(len, split)) <= MAX_PARTS:
            pieces: Pieces = []
            for base, theirs, mine in _regions(*split):
                if _same(theirs, mine) or _same(mine, base):
                    pieces.append(theirs)
                elif _same(theirs, base):
                    pieces.append(mine)
                else:
                    number = sum(map(len, (p for p in pieces if isinstance(p, list)))) + 1
                    clash_id = f"{key}-{len(pieces)}"
                    pieces.append(Clash(clash_id, key, number, base, theirs, mine, is_whole=False))
            if not isinstance(empty, dict) or _keeps_every_label(pieces):
                return pieces, type(empty)
        base, theirs, mine = sides
        return [Clash(key, key, 0, [base], [theirs], [mine], is_whole=True)], None

    def result(self, choices: Mapping[str, list[Any]]) -> RecordDict:
        """Return the merged record dict. choices: clash id → list of parts (as in the Clash) to use."""
        record = dict(self.theirs)
        for key, (pieces, kind) in self._plans.items():
            chosen = [choices[piece.id] if isinstance(piece, Clash) else piece for piece in pieces]
            record[key] = _joined(chosen, kind) if kind else chosen[0][0]
        return record


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal as JSON: 1, 1.0 and true differ, and so do orders of keys."""
    return json.dumps(one) == json.dumps(other)


def _parts(key: str, value: Any) -> list[Any] | None:
    """Return the parts by which a value is merged, or None if it is a single value."""
    if isinstance(value, str):
        return value.split("\n\n") if key in IN_PARAGRAPHS else None
    if isinstance(value, dict):
        return list(value.items())
    return list(value) if isinstance(value, list) else None


def _joined(pieces: Any, kind: type | None) -> Any:
    parts = [part for piece in pieces for part in piece]
    if kind is str:
        return "\n\n".join(parts)
    return dict(parts) if kind is dict else parts


def _keeps_every_label(pieces: Pieces) -> bool:
    """Return whether no choice can repeat a label of an object; the second would replace the first."""
    labels: list[str] = []
    for piece in pieces:
        pairs = piece.theirs + piece.mine if isinstance(piece, Clash) else piece
        labels += {label for label, _ in pairs}
    return len(set(labels)) == len(labels)


def _regions(base: list[Any], theirs: list[Any], mine: list[Any]) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
    """Cut three lists at the parts that all three share; yield (base, theirs, mine) slices in order."""
    in_theirs, in_mine = _matches(base, theirs), _matches(base, mine)
    start, their_start, my_start = 0, 0, 0
    for index in range(len(base) + 1):
        is_end = index == len(base)
        if not is_end and not (index in in_theirs and index in in_mine):
            continue
        their_end = len(theirs) if is_end else in_theirs[index]
        my_end = len(mine) if is_end else in_mine[index]
        region = base[start:index], theirs[their_start:their_end], mine[my_start:my_end]
        if any(region):
            yield region
        if not is_end:
            yield [base[index]], [base[index]], [base[index]]
        start, their_start, my_start = index + 1, their_end + 1, my_end + 1


def _matches(base: list[Any], other: list[Any]) -> dict[int, int]:
    """Return {index in base: index in other} of unchanged parts."""
    lines = [json.dumps(part) for part in base], [json.dumps(part) for part in other]
    blocks = SequenceMatcher(None, *lines, autojunk=False).get_matching_blocks()
    return {block.a + i: block.b + i for block in blocks for i in range(block.size)}
