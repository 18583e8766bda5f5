"""Where a passage of one record stands in a later one.

An Anchor names a passage as the Web Annotation Data Model does: by its words with the words around them, and by its
position (https://www.w3.org/TR/annotation-model/#selectors: TextQuoteSelector and TextPositionSelector). A Placer finds
the passage again in another record of the same post. It aligns the blocks of both texts first, so that the same words
at another place never stand in for a passage that is gone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any

from posts.diff.images import image_block, image_partners
from posts.diff.sequences import Budget, anchored_pairs, kept_pairs
from posts.diff.texts import MIN_SHARED, Row, compare_blocks, shared_words
from posts.diff.values import dumped, shown
from posts.records.schema import RecordDict
from posts.rendering.blocks import Block, Style, blocks_of, item_blocks, line_block, split_words

# The parts of a record that have blocks; each other part is a value at a JSON pointer.
TEXTS = ("title", "intro", "body")
PARTS = (*TEXTS, "checklist", "image_sources")
# Words around a passage that an anchor keeps, in characters.
CONTEXT = 40
# A longer quote is shortened; its anchor is the whole block then.
MAX_QUOTE = 2_000
# A passage that lost more of its letters is not the same passage any more.
MIN_KEPT = 0.5
# A passage found at a place where nothing was before must have so many words, or the same words beside it.
MIN_WORDS = 4
# So many words on each side must be unchanged for what stands between them to replace a passage.
MIN_BESIDE = 3
# Words that come more often in new text don't say where a passage went.
MAX_OCCURRENCES = 100
# Of a passage that was divided, the longest piece must have this share of its words.
MIN_PIECE = 0.6


class State(StrEnum):
    """What became of a passage: its words are the same, its words changed, or it can't be placed."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True)
class Anchor:
    """A passage of a record: characters `start` to `end` of the text of a block, or a value.

    part: "title", "intro", "body", "checklist" or "image_sources"; else the JSON pointer (RFC 6901) of a value.
    block: its number in the part, from 1; 0 for a value. exact: the words; prefix, suffix: the words around them.
    """

    part: str
    block: int
    start: int
    end: int
    exact: str
    prefix: str = ""
    suffix: str = ""

    @property
    def path(self) -> str:
        """The place as a path: "/body/12" for a block, the pointer for a value."""
        return f"/{self.part}/{self.block}" if self.block else self.part

    def as_selectors(self) -> dict[str, Any]:
        """Return the anchor as JSON: {"path": …, "selector": [TextQuoteSelector, TextPositionSelector]}."""
        quote = {"type": "TextQuoteSelector", "exact": self.exact, "prefix": self.prefix, "suffix": self.suffix}
        position = {"type": "TextPositionSelector", "start": self.start, "end": self.end}
        return {"path": self.path, "selector": [quote, position]}


@dataclass(frozen=True)
class Place:
    """Where a passage stands now: its state, and its anchor there; None if it is gone."""

    state: State
    anchor: Anchor | None = None


GONE = Place(State.GONE)


def blocks_in(record: RecordDict, part: str) -> list[Block]:
    """Return the blocks of a part of a record, in order; block n of an Anchor is the item n - 1."""
    if part == "title":
        return line_block(record.get("title", ""), "title")
    if part in TEXTS:
        return blocks_of(record.get(part, ""))[0]
    if part == "checklist":
        return item_blocks(record.get("checklist", []))
    return [image_block(image, index) for index, image in enumerate(record.get("image_sources", []))]


def anchor_at(record: RecordDict, part: str, block: int = 0, start: int = 0, end: int | None = None) -> Anchor:
    """Return the Anchor of a passage; without `start` and `end`, of a whole block or value.

    Raises LookupError if the record has no such block or value, or the passage has no words.
    """
    if part not in PARTS:
        if not part.startswith("/"):
            raise LookupError(f"{part} is no pointer")
        value = shown(_value_at(record, part))
        return Anchor(part, 0, 0, len(value), value[:MAX_QUOTE])
    blocks = blocks_in(record, part)
    if not 1 <= block <= len(blocks):
        raise LookupError(f"there is no block {block} in {part}")
    return _anchor_in(part, block, blocks[block - 1].text, start, end)


def found_anchor(record: RecordDict, anchor: Anchor) -> Anchor | None:
    """Return an anchor that a browser sent, corrected by its words; None if they are not in its block.

    Browsers count white space differently: the words decide, and the position only chooses between equal ones. Without
    words it is the whole block or value.
    """
    exact = anchor.exact.strip()
    try:
        if anchor.part not in PARTS or not exact:
            return anchor_at(record, anchor.part, anchor.block)
        if anchor.block < 1:
            return None
        text = blocks_in(record, anchor.part)[anchor.block - 1].text
    except LookupError:
        return None
    starts = list(_occurrences(text, exact)) if len(exact) <= MAX_QUOTE else []
    if not starts:
        return None
    start = min(starts, key=lambda at: abs(at - anchor.start))
    return _anchor_in(anchor.part, anchor.block, text, start, start + len(exact))


def _anchor_in(part: str, block: int, text: str, start: int = 0, end: int | None = None) -> Anchor:
    end = len(text) if end is None else min(end, len(text))
    is_whole = (start, end) == (0, len(text))
    if end - start > MAX_QUOTE:
        start, end, is_whole = 0, len(text), True
    exact = text[start:end]
    if not exact.strip() and not is_whole:
        raise LookupError("the passage has no words")
    return Anchor(
        part, block, start, end, exact[:MAX_QUOTE], text[max(start - CONTEXT, 0) : start], text[end : end + CONTEXT]
    )


def _occurrences(text: str, words: str) -> Iterator[int]:
    at = text.find(words)
    while at >= 0:
        yield at
        at = text.find(words, at + 1)


class Placer:
    """Finds the passages of an older record in a newer one. Its cost is bounded (posts.diff.sequences)."""

    def __init__(self, old: RecordDict, new: RecordDict) -> None:
        self.old, self.new = old, new
        self._parts: dict[str, _AlignedPart] = {}
        self._budget = Budget()

    def place(self, anchor: Anchor) -> Place:
        """Return the Place of a passage of the older record."""
        if anchor.part == "image_sources":
            return self._image(anchor)
        if anchor.part not in PARTS:
            return self._value(anchor)
        part = self._part(anchor.part)
        if not 1 <= anchor.block <= len(part.old):
            return GONE
        read = _read_again(anchor, part.old)
        return GONE if read is None else part.mapped(read) or self._moved(read) or GONE

    def _part(self, name: str) -> "_AlignedPart":
        if name not in self._parts:
            self._parts[name] = _AlignedPart(name, blocks_in(self.old, name), blocks_in(self.new, name), self._budget)
        return self._parts[name]

    def _moved(self, anchor: Anchor) -> Place | None:
        """Return the one place of new text that has the words of `anchor`, or most of them; None if there is none."""
        names = ("checklist",) if anchor.part == "checklist" else TEXTS if anchor.part in TEXTS else (anchor.part,)
        fresh = [run for name in names for run in self._part(name).fresh]
        # Each remark reads all new text.
        if not self._budget.take(sum(run.end - run.start for run in fresh) // 4):
            return None
        found = _only_exact(anchor, fresh) or _longest_piece(anchor, fresh)
        return None if found is None or self._came_from_elsewhere(found.anchor, anchor, names) else found

    def _came_from_elsewhere(self, there: Anchor | None, anchor: Anchor, names: Sequence[str]) -> bool:
        """Return whether the words at `there` left another place of the older text that fits as well as `anchor`."""
        if there is None:
            return False
        fit = _common_words(anchor, there)
        for part in map(self._part, names):
            for number, block in enumerate(part.old, 1):
                for start in islice(_occurrences(block.text, there.exact), MAX_OCCURRENCES):
                    other = _anchor_in(part.name, number, block.text, start, start + len(there.exact))
                    if _overlap(other, anchor) or _common_words(other, there) < fit:
                        continue
                    stays = part.mapped(other)
                    if stays is None or stays.state != State.SAME:
                        return True
        return False

    def _image(self, anchor: Anchor) -> Place:
        """Return the Place of an image: it is the same one by its file or its caption."""
        before, after = self.old.get("image_sources", []), self.new.get("image_sources", [])
        partners = image_partners(before, after)
        for new, old in partners.items():
            if old == anchor.block - 1 and _is_same_image(before[old], after[new]):
                caption = image_block(after[new], new).text
                if dumped(before[old]) == dumped(after[new]):
                    return Place(State.SAME, _anchor_in(anchor.part, new + 1, caption, anchor.start, anchor.end))
                return Place(State.CHANGED, _anchor_in(anchor.part, new + 1, caption))
        return GONE

    def _value(self, anchor: Anchor) -> Place:
        """Return the Place of a value: at its pointer, or elsewhere in its list."""
        parent, _, last = anchor.part.rpartition("/")
        try:
            before, after = _value_at(self.old, parent), _value_at(self.new, parent)
            if isinstance(before, list) and isinstance(after, list):
                return self._item(parent, before, after, int(last))
            old, new = _value_at(self.old, anchor.part), _value_at(self.new, anchor.part)
        except (LookupError, ValueError):
            return GONE
        return Place(State.SAME if dumped(old) == dumped(new) else State.CHANGED, anchor_at(self.new, anchor.part))

    def _item(self, parent: str, before: list[Any], after: list[Any], index: int) -> Place:
        old, new = list(map(dumped, before)), list(map(dumped, after))
        if index >= len(old):
            return GONE
        if old.count(old[index]) == new.count(old[index]) == 1:
            return Place(State.SAME, anchor_at(self.new, f"{parent}/{new.index(old[index])}"))
        pairs = dict(anchored_pairs(old, new, self._budget))
        if index in pairs:
            return Place(State.SAME, anchor_at(self.new, f"{parent}/{pairs[index]}"))
        left = max((i for i in pairs if i < index), default=-1)
        right = min((i for i in pairs if i > index), default=len(old))
        at, to = pairs.get(left, -1), pairs.get(right, len(new))
        if right - left == to - at == 2:
            return Place(State.CHANGED, anchor_at(self.new, f"{parent}/{at + 1}"))
        return GONE


def _overlap(one: Anchor, other: Anchor) -> bool:
    return one.path == other.path and one.start < other.end and other.start < one.end


def _is_same_image(old: RecordDict, new: RecordDict) -> bool:
    return old["url"] == new["url"] or (bool(old.get("caption")) and old.get("caption") == new.get("caption"))


def _read_again(anchor: Anchor, blocks: Sequence[Block]) -> Anchor | None:
    """Return an anchor with its position in `blocks`, which a newer version of the parser may have made.

    None if its words are at no place, or at several with the same words around them.
    """
    if blocks[anchor.block - 1].text[anchor.start : anchor.end][:MAX_QUOTE] == anchor.exact:
        return anchor
    runs = [_Run(anchor.part, n, block.text, 0, len(block.text)) for n, block in enumerate(blocks, 1)]
    found = _only_exact(anchor, runs)
    return found.anchor if found else None


@dataclass(frozen=True)
class _Run:
    """New text: characters `start` to `end` of a block of the newer record that have no counterpart in the older."""

    part: str
    block: int
    text: str
    start: int
    end: int


class _AlignedPart:
    """The blocks of a part of two records, and which is which."""

    def __init__(self, name: str, old: Sequence[Block], new: Sequence[Block], budget: Budget) -> None:
        self.name, self.old, self.new = name, old, new
        self.budget = budget
        self.partners = self._partners(compare_blocks(old, new, budget))
        self._pairs: dict[int, dict[int, int]] = {}

    def _partners(self, rows: Sequence[Row]) -> dict[int, int]:
        """Return {index in old: index in new} of the blocks that are the same one."""
        places = {id(block): index for blocks in (self.old, self.new) for index, block in enumerate(blocks)}
        partners = {}
        for row in rows:
            if row.kind == "stood":
                partners[places[id(row.old)]] = row.goes_with
            elif row.old is not None and row.new is not None and _are_alike(row.old, row.new):
                partners[places[id(row.old)]] = places[id(row.new)]
        return partners

    def mapped(self, anchor: Anchor) -> Place | None:
        """Return where the words of `anchor` went within its block; None if they left it or it is gone."""
        index = anchor.block - 1
        if index not in self.partners:
            return None
        old, new = self.old[index], self.new[self.partners[index]]
        number = self.partners[index] + 1
        if old.text == new.text:
            there = _anchor_in(self.name, number, new.text, anchor.start, anchor.end)
            return Place(_state(old, anchor, new, there), there)
        if (anchor.start, anchor.end) == (0, len(old.text)):
            return Place(State.CHANGED, _anchor_in(self.name, number, new.text))
        span = _mapped_span(old.text, new.text, anchor, self.pairs_of(index))
        if span is None:
            return None
        there = _anchor_in(self.name, number, new.text, *span)
        return Place(_state(old, anchor, new, there), there)

    def pairs_of(self, index: int) -> dict[int, int]:
        """Return {index in old: index in new} of the words that a block and its partner share."""
        if index not in self._pairs:
            old, new = self.old[index].text, self.new[self.partners[index]].text
            self._pairs[index] = dict(kept_pairs(split_words(old), split_words(new), self.budget) or ())
        return self._pairs[index]

    @cached_property
    def fresh(self) -> list[_Run]:
        """The new text of the part: whole blocks, and runs of words within changed ones."""
        came_from = {j: i for i, j in self.partners.items()}
        runs = []
        for j, block in enumerate(self.new):
            if j not in came_from:
                runs.append(_Run(self.name, j + 1, block.text, 0, len(block.text)))
            elif self.old[came_from[j]].text != block.text:
                kept = set(self.pairs_of(came_from[j]).values())
                runs += _runs_without(self.name, j + 1, block.text, kept)
        return runs


def _are_alike(old: Block, new: Block) -> bool:
    return old.text == new.text or shared_words(old, new) >= MIN_SHARED


def _state(old: Block, before: Anchor, new: Block, after: Anchor) -> State:
    """Return whether a passage has the same words in the same formats, with the same links."""
    if (before.start, before.end) == (0, len(old.text)) and (old.setting, old.placed) != (new.setting, new.placed):
        return State.CHANGED
    same = before.exact == after.exact and _styles(old, before) == _styles(new, after)
    return State.SAME if same else State.CHANGED


def _styles(block: Block, anchor: Anchor) -> list[Style]:
    styles, at = [], 0
    for token, style in zip(block.tokens, block.styles, strict=True):
        if at < anchor.end and at + len(token) > anchor.start and token.strip():
            styles.append(style)
        at += len(token)
    return styles


def _spans(text: str) -> list[tuple[int, int, str]]:
    """Return [(start, end, word)] of the words of a text, spaces included."""
    spans, at = [], 0
    for word in split_words(text):
        spans.append((at, at + len(word), word))
        at += len(word)
    return spans


def _mapped_span(old_text: str, new_text: str, anchor: Anchor, pairs: dict[int, int]) -> tuple[int, int] | None:
    """Return the (start, end) in `new_text` that a passage has become; None if it can't be said."""
    old, new = _spans(old_text), _spans(new_text)
    inside = [i for i, (start, end, _) in enumerate(old) if start < anchor.end and end > anchor.start]
    words = [i for i in inside if old[i][2].strip()]
    if not words:
        return None
    kept = [i for i in words if i in pairs]
    letters = sum(len(old[i][2]) for i in words)
    if kept and sum(len(old[i][2]) for i in kept) >= letters * MIN_KEPT:
        span = _around(old, new, anchor, pairs, words, kept)
        if span[1] - span[0] <= 2 * (anchor.end - anchor.start) + CONTEXT:
            return span
    return _between(old, new, pairs, words)


def _around(
    old: list[tuple[int, int, str]],
    new: list[tuple[int, int, str]],
    anchor: Anchor,
    pairs: dict[int, int],
    words: list[int],
    kept: list[int],
) -> tuple[int, int]:
    """Return the span of the kept words of a passage, with what replaced its first and last words."""
    first, last = kept[0], kept[-1]
    if first == words[0]:
        # A passage may begin within a word.
        start = new[pairs[first]][0] + max(anchor.start - old[first][0], 0)
    else:
        before = max((i for i in pairs if i < words[0] and old[i][2].strip()), default=None)
        start = new[pairs[before]][1] if before is not None else 0
    if last == words[-1]:
        end = new[pairs[last]][1] - max(old[last][1] - anchor.end, 0)
    else:
        after = min((i for i in pairs if i > words[-1] and old[i][2].strip()), default=None)
        end = new[pairs[after]][0] if after is not None else new[-1][1]
    return _trimmed("".join(word for _, _, word in new), start, end)


def _between(
    old: list[tuple[int, int, str]], new: list[tuple[int, int, str]], pairs: dict[int, int], words: list[int]
) -> tuple[int, int] | None:
    """Return the span that replaced a passage, if the words on both sides of it are unchanged."""
    visible = [i for i, (_, _, word) in enumerate(old) if word.strip()]
    ranks = {j: rank for rank, j in enumerate(j for j, (_, _, word) in enumerate(new) if word.strip())}
    at, to = visible.index(words[0]), visible.index(words[-1])
    left = _ranks_of(visible[max(at - MIN_BESIDE, 0) : at], pairs, ranks)
    right = _ranks_of(visible[to + 1 : to + 1 + MIN_BESIDE], pairs, ranks)
    if left is None or right is None or not (left or right):
        return None
    # Fewer words than that stand only at an edge of the block, and must stand there still.
    if 0 < len(left) < MIN_BESIDE and left[0] != 0:
        return None
    if 0 < len(right) < MIN_BESIDE and right[-1] != len(ranks) - 1:
        return None
    places = list(ranks)
    start = new[places[left[-1]]][1] if left else 0
    end = new[places[right[0]]][0] if right else new[-1][1]
    text = "".join(word for _, _, word in new)
    start, end = _trimmed(text, start, end)
    return (start, end) if any(char.isalnum() for char in text[start:end]) else None


def _ranks_of(words: Sequence[int], pairs: dict[int, int], ranks: dict[int, int]) -> list[int] | None:
    """Return the ranks of words in the newer text; None if one is gone or they do not follow each other any more."""
    found = [ranks[pairs[i]] for i in words if i in pairs]
    follow = found == list(range(found[0], found[0] + len(words))) if found else not words
    return found if follow else None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    end = max(start, end)
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()) if inner.strip() else 0)


def _runs_without(part: str, block: int, text: str, kept: set[int]) -> Iterator[_Run]:
    """Yield the runs of a text between its kept words."""
    begun: int | None = None
    end = 0
    for j, (start, stop, word) in enumerate(_spans(text)):
        # A space is kept with anything; it divides no run.
        if j in kept and word.strip():
            if begun is not None:
                yield _Run(part, block, text, begun, end)
            begun = None
        elif word.strip():
            begun, end = (start if begun is None else begun), stop
    if begun is not None:
        yield _Run(part, block, text, begun, end)


def _only_exact(anchor: Anchor, runs: Sequence[_Run]) -> Place | None:
    """Return the Place with exactly the words of `anchor`: the only one, or the only one with the words around them."""
    exact = anchor.exact.strip()
    if not exact:
        return None
    found: list[tuple[int, Anchor]] = []
    for run in runs:
        for at in _occurrences(run.text[run.start : run.end], exact):
            if len(found) == MAX_OCCURRENCES:
                return None
            start = run.start + at
            there = _anchor_in(run.part, run.block, run.text, start, start + len(exact))
            found.append((_common_words(anchor, there), there))
    if not found:
        return None
    found.sort(key=lambda item: item[0], reverse=True)
    best, there = found[0]
    is_only = len(found) == 1 and (len(_words(exact)) >= MIN_WORDS or best >= 2)
    is_clear = len(found) > 1 and best >= 2 and best > found[1][0]
    return Place(State.SAME, there) if is_only or is_clear else None


def _common_words(one: Anchor, other: Anchor) -> int:
    """Return how many words before and after two passages are the same, counted from the passage."""
    before = zip(reversed(_words(one.prefix)), reversed(_words(other.prefix)), strict=False)
    after = zip(_words(one.suffix), _words(other.suffix), strict=False)
    return sum(_equal_so_far(pairs) for pairs in (list(before), list(after)))


def _equal_so_far(pairs: Sequence[tuple[str, str]]) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _words(text: str) -> list[str]:
    return [word for word in split_words(text) if word[0].isalnum()]


def _longest_piece(anchor: Anchor, runs: Sequence[_Run]) -> Place | None:
    """Return the Place of the longest unbroken piece of a passage in new text, if it is most of it."""
    quote = _spans(anchor.exact)
    words = [word for _, _, word in quote if word.strip()]
    least = max(MIN_WORDS, round(len(words) * MIN_PIECE))
    if len(words) < least:
        return None
    starts: dict[tuple[str, ...], list[int]] = {}
    for at in range(len(words) - MIN_WORDS + 1):
        starts.setdefault(tuple(words[at : at + MIN_WORDS]), []).append(at)
    pieces: list[tuple[int, Anchor]] = []
    for run in runs:
        spans = [span for span in _spans(run.text[run.start : run.end]) if span[2].strip()]
        for begin, length in _pieces(words, [word for _, _, word in spans], starts):
            if length >= least:
                start, end = run.start + spans[begin][0], run.start + spans[begin + length - 1][1]
                pieces.append((length, _anchor_in(run.part, run.block, run.text, start, end)))
    if len(pieces) != 1:
        return None
    return Place(State.CHANGED, pieces[0][1])


def _pieces(
    words: Sequence[str], text: Sequence[str], starts: dict[tuple[str, ...], list[int]]
) -> Iterator[tuple[int, int]]:
    """Yield (index in text, number of words) of the longest common runs, one after the other."""
    at = 0
    while at <= len(text) - MIN_WORDS:
        best = 0
        for begin in starts.get(tuple(text[at : at + MIN_WORDS]), ())[:8]:
            length = MIN_WORDS
            while (
                begin + length < len(words) and at + length < len(text) and words[begin + length] == text[at + length]
            ):
                length += 1
            best = max(best, length)
        if best:
            yield at, best
        at += max(best, 1)


def _value_at(record: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer (RFC 6901). Raises LookupError or ValueError."""
    value = record
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[_index(step)]
        elif isinstance(value, dict):
            value = value[step]
        else:
            raise LookupError(pointer)
    return value


def _index(step: str) -> int:
    if not (step.isascii() and step.isdecimal() and len(step) < 10):
        raise LookupError(f"{step} is no index of a list")
    return int(step)
