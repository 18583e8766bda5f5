"""Two texts block by block, and word by word in changed blocks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from posts.diff.sequences import Budget, Pairs, anchored_pairs, heaviest_pairs, kept_pairs
from posts.rendering.blocks import (
    PLAIN,
    Block,
    Style,
    blocks_of,
    item_blocks,
    line_block,
    source_blocks,
    split_words,
    words_in,
)

# Blocks that share less than this part of their words are different blocks, not one that changed.
MIN_SHARED = 0.3
# In a gap with more pairs, blocks are paired only by their order.
MAX_GAP_PAIRS = 2_500
# A changed block with more words and other characters is shown whole.
MAX_TOKENS = 20_000
KEPT, REMOVED, ADDED = " ", "-", "+"
# (sign, text, style in the older text, style in the newer one) of one token.
_Signed = tuple[str, str, Style, Style]


@dataclass(frozen=True)
class Segment:
    """A run of text that was kept, removed or added, with its old and new style."""

    sign: str
    text: str
    old: Style = PLAIN
    new: Style = PLAIN

    @property
    def is_kept(self) -> bool:
        return self.sign == KEPT

    @property
    def is_removed(self) -> bool:
        return self.sign == REMOVED

    @property
    def is_added(self) -> bool:
        return self.sign == ADDED

    @property
    def style(self) -> Style:
        """The style in which the run is shown."""
        return self.old if self.is_removed else self.new


Segments = tuple[Segment, ...]


@dataclass(frozen=True)
class Label:
    """A change without words of its own: what it `says` ("link goes elsewhere"), about which `text`, as segments."""

    kind: str
    says: str
    text: str = ""
    segments: Segments = ()


@dataclass
class Row:
    """A block beside its counterpart. kind: equal, changed, whole (removed and added), added, removed, moved or stood.

    `moved` is the new position of a block, `stood` its old one; `from_place` and `to_place` number them.
    """

    kind: str
    old: Block | None
    new: Block | None
    segments: Segments
    labels: tuple[Label, ...] = ()
    mark: int = 0
    from_place: int = 0
    to_place: int = 0
    goes_with: int = 0

    @property
    def block(self) -> Block:
        """The newer block, or the older one if it is gone."""
        if (block := self.new or self.old) is None:
            raise ValueError("a row has a block on at least one side")
        return block

    @property
    def is_code(self) -> bool:
        return self.block.is_code

    @property
    def old_segments(self) -> list[Segment]:
        """The older side."""
        return [segment for segment in self.segments if not segment.is_added]

    @property
    def new_segments(self) -> list[Segment]:
        """The newer side."""
        return [segment for segment in self.segments if not segment.is_removed]

    @property
    def old_lines(self) -> list[tuple[str, str]]:
        """[(sign, line)] of code on the older side."""
        return _lines(self.old_segments)

    @property
    def new_lines(self) -> list[tuple[str, str]]:
        """[(sign, line)] of code on the newer side."""
        return _lines(self.new_segments)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """[(sign, line)] of code in one column."""
        return _lines(self.segments)

    @property
    def what(self) -> str:
        """The kind of change in words, for the list of marks."""
        if self.kind == "moved":
            return f"moved from {self.from_place} to {self.to_place}"
        if self.kind == "stood":
            return f"was here, moved to {self.to_place}"
        if name := {"added": "new", "removed": "removed", "whole": "rewritten"}.get(self.kind):
            return ", ".join([f"{'code' if self.is_code else self.block.setting} {name}", *self._said])
        said = ["code" if self.is_code else "words"] if any(not segment.is_kept for segment in self.segments) else []
        return ", ".join([*said, *self._said])

    @property
    def _said(self) -> Iterable[str]:
        return dict.fromkeys(label.says for label in self.labels)


def _lines(segments: Iterable[Segment]) -> list[tuple[str, str]]:
    return [(segment.sign, line) for segment in segments for line in segment.text.splitlines()]


@dataclass
class TextChange:
    """One text of the record: rows in the order of the newer text, with removed rows at their old position."""

    key: str
    label: str
    rows: list[Row] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return any(row.kind != "equal" for row in self.rows)


def compare_text(key: str, label: str, old: str, new: str, budget: Budget, *, is_markdown: bool = True) -> TextChange:
    """Return the TextChange between two texts. If all rows are equal, the texts are identical."""
    old_lines: list[str] = []
    new_lines: list[str] = []
    if not is_markdown:
        before, after = line_block(old, label.lower()), line_block(new, label.lower())
    elif old == new:
        before, _ = blocks_of(new)
        return TextChange(key, label, [_equal_row(block, block) for block in before])
    else:
        (before, old_lines), (after, new_lines) = blocks_of(old), blocks_of(new)
        if any(block.kind == "source" for block in (*before, *after)):
            before, after, old_lines, new_lines = source_blocks(old), source_blocks(new), [], []
    change = TextChange(key, label, compare_blocks(before, after, budget))
    if old_lines != new_lines:
        segments = line_segments("\n".join(old_lines), "\n".join(new_lines), budget)
        unread = Label("source", "lines that readers do not see", segments=tuple(segments))
        change.rows.append(_source_row(unread))
    if old != new and not change.is_changed:
        # No visible text differs: only blank lines, or markup that no block shows.
        unread = Label("source", "blank lines, spaces or numbers of items; it reads the same")
        change.rows.append(_source_row(unread))
    return change


def compare_items(key: str, label: str, old: Iterable[str], new: Iterable[str], budget: Budget) -> TextChange:
    """Return the TextChange between two lists of plain texts; an item at another position has moved."""
    return TextChange(key, label, compare_blocks(item_blocks(old), item_blocks(new), budget))


def _source_row(label: Label) -> Row:
    block = Block("source", "lines of the source", (), (), "", 0, 0)
    return Row("changed", block, block, (), (label,))


def compare_blocks(old: Sequence[Block], new: Sequence[Block], budget: Budget) -> list[Row]:
    """Return the rows of two lists of blocks."""
    old_texts, new_texts = [block.text for block in old], [block.text for block in new]
    pairs = dict(anchored_pairs(old_texts, new_texts, budget))
    taken = set(pairs.values())
    waiting: dict[str, list[int]] = {}
    for j, text in enumerate(new_texts):
        if j not in taken and text.strip():
            waiting.setdefault(text, []).append(j)
    moves = {}
    for i, text in enumerate(old_texts):
        if i not in pairs and waiting.get(text):
            moves[i] = waiting[text].pop(0)
    moved = {j: i for i, j in moves.items()}
    spine = _with_similar(old, new, pairs, moves, moved, budget)
    rows, i, j = [], 0, 0
    followed = False
    for next_i, next_j in [*spine, (len(old), len(new))]:
        followed = followed and (i, j) == (next_i, next_j)
        for index in range(i, next_i):
            block = old[index]
            if index in moves:
                to = new[moves[index]].place
                rows.append(Row("stood", block, None, _kept(block), from_place=block.place, to_place=to,
                                goes_with=moves[index]))  # fmt: skip
            else:
                rows.append(Row("removed", block, None, whole(block, REMOVED)))
        for index in range(j, next_j):
            block = new[index]
            if index in moved:
                source = old[moved[index]]
                rows.append(Row("moved", None, block, _kept(block), _side_labels(source, block, budget, followed=False),
                                from_place=source.place, to_place=block.place, goes_with=index))  # fmt: skip
            else:
                rows.append(Row("added", None, block, whole(block, ADDED)))
        if next_i < len(old):
            rows.append(_pair_row(old[next_i], new[next_j], budget, followed))
        i, j, followed = next_i + 1, next_j + 1, True
    return rows


def _with_similar(
    old: Sequence[Block],
    new: Sequence[Block],
    pairs: dict[int, int],
    moves: dict[int, int],
    moved: dict[int, int],
    budget: Budget,
) -> Pairs:
    """Return all (i, j) shown side by side: equal blocks, and in the gaps between them similar ones."""
    spine, i, j = [], 0, 0
    for next_i, next_j in [*sorted(pairs.items()), (len(old), len(new))]:
        gone = [index for index in range(i, next_i) if index not in moves]
        come = [index for index in range(j, next_j) if index not in moved]
        spine += _similar(old, new, gone, come, budget)
        if next_i < len(old):
            spine.append((next_i, next_j))
        i, j = next_i + 1, next_j + 1
    return spine


def _similar(
    old: Sequence[Block], new: Sequence[Block], gone: Sequence[int], come: Sequence[int], budget: Budget
) -> Pairs:
    """Return [(i, j)] in order, the pairing of a gap that shares the most words."""
    if not gone or not come:
        return []
    if len(gone) == len(come) == 1 and old[gone[0]].kind == new[come[0]].kind:
        # Side by side even if nothing is shared: a reader wants to see what replaced a block.
        return [(gone[0], come[0])]
    cost = len(gone) * sum(len(new[j].tokens) for j in come)
    if len(gone) == len(come) == 1 or len(gone) * len(come) > MAX_GAP_PAIRS or not budget.take(cost // 4):
        return [(i, j) for i, j in zip(gone, come, strict=False) if shared_words(old[i], new[j]) >= MIN_SHARED]
    old_bags, new_bags = [_bag(old[i]) for i in gone], [_bag(new[j]) for j in come]
    weights = [[_shared(one, other) for other in new_bags] for one in old_bags]
    return [(gone[a], come[b]) for a, b in heaviest_pairs(weights, MIN_SHARED)]


def shared_words(one: Block, other: Block) -> float:
    """Return the share of the words of two blocks that both have, 0 to 1."""
    return _shared(_bag(one), _bag(other))


def _bag(block: Block) -> Counter[str]:
    return Counter(token for token in (split_words(block.text) if block.is_code else block.tokens) if token.strip())


def _shared(one: Counter[str], other: Counter[str]) -> float:
    """Return the share of the words of two bags that both have, 0 to 1 (Dice 1945 over multisets)."""
    total = one.total() + other.total()
    return 2 * sum(min(count, other[word]) for word, count in one.items()) / total if total else 0.0


def _equal_row(old: Block, new: Block) -> Row:
    return Row("equal", old, new, _kept(new))


def _kept(block: Block) -> Segments:
    return whole(block, KEPT)


def whole(block: Block, sign: str) -> Segments:
    """Return all of a block as segments of one sign."""
    return tuple(_runs((sign, text, style, style) for text, style in zip(block.tokens, block.styles, strict=True)))


def _pair_row(old: Block, new: Block, budget: Budget, followed: bool) -> Row:
    """Return two blocks as a Row. followed: the two blocks before them are a pair too, with nothing between."""
    labels = _side_labels(old, new, budget, followed=followed)
    if old.tokens == new.tokens:
        return Row("changed" if labels else "equal", old, new, _kept_runs(old, new), labels)
    segments = _changed_segments(old, new, budget)
    if segments is None:
        return Row("whole", old, new, (*whole(old, REMOVED), *whole(new, ADDED)), labels)
    return Row("changed", old, new, segments, (*labels, *_style_labels(segments, budget)))


def _kept_runs(old: Block, new: Block) -> Segments:
    return tuple(
        _runs((KEPT, *three) for three in zip(new.tokens, old.styles, new.styles, strict=True)),
    )


def _changed_segments(old: Block, new: Block, budget: Budget) -> Segments | None:
    """Return the segments of two changed blocks; None if over half changed or it would cost too much."""
    if old.is_code != new.is_code:
        return None
    if max(len(old.tokens), len(new.tokens)) > MAX_TOKENS:
        budget.ran_out = True
        return None
    pairs = kept_pairs(old.tokens, new.tokens, budget)
    if pairs is None:
        return None
    signed = _signed(old, new, pairs)
    if not old.is_code:
        signed = _readable(signed)
        changed = sum(len(text) for sign, text, _, _ in signed if sign != KEPT and text.strip())
        if changed * 2 > len(old.text) + len(new.text):
            return None
    return tuple(_runs(signed))


def _signed(old: Block, new: Block, pairs: Pairs) -> list[_Signed]:
    signed, i, j = [], 0, 0
    for next_i, next_j in [*pairs, (len(old.tokens), len(new.tokens))]:
        signed += [(REMOVED, old.tokens[k], old.styles[k], PLAIN) for k in range(i, next_i)]
        signed += [(ADDED, new.tokens[k], PLAIN, new.styles[k]) for k in range(j, next_j)]
        if next_i < len(old.tokens):
            signed.append((KEPT, new.tokens[next_j], old.styles[next_i], new.styles[next_j]))
        i, j = next_i + 1, next_j + 1
    return signed


def _readable(signed: list[_Signed]) -> list[_Signed]:
    """Return the edits without tiny kept segments between them: a rewritten sentence becomes out and in.

    Source: the semantic clean-up of N. Fraser, "Writing: Diff Strategies", 2006: a kept segment must be longer than
    the changes on each side of it.
    """
    signed = _without_crumbs(signed, lambda text, left, right: not text.strip())
    return _without_crumbs(signed, lambda text, left, right: len(text) * 2 <= min(left, right))


def _without_crumbs(signed: list[_Signed], is_crumb: Callable[[str, int, int], bool]) -> list[_Signed]:
    """Turn the kept runs between two edits into edits where is_crumb(text, characters left, characters right)."""
    groups: list[tuple[bool, list[_Signed]]] = []
    for item in signed:
        is_kept = item[0] == KEPT
        if groups and groups[-1][0] == is_kept:
            groups[-1][1].append(item)
        else:
            groups.append((is_kept, [item]))
    lengths = [sum(len(text) for _, text, _, _ in items) for _, items in groups]
    result = []
    for index, (is_kept, items) in enumerate(groups):
        text = "".join(text for _, text, _, _ in items) if is_kept and 0 < index < len(groups) - 1 else ""
        if text and is_crumb(text, lengths[index - 1], lengths[index + 1]):
            result += [(REMOVED, text, old, PLAIN) for _, text, old, _ in items]
            result += [(ADDED, text, PLAIN, new) for _, text, _, new in items]
        else:
            result += items
    return _sorted_edits(result)


def _sorted_edits(signed: list[_Signed]) -> list[_Signed]:
    """Return edits with all removals before all additions between two kept segments."""
    result: list[_Signed] = []
    removed: list[_Signed] = []
    added: list[_Signed] = []
    for item in [*signed, None]:
        if item is None or item[0] == KEPT:
            result += [*removed, *added]
            removed, added = [], []
            if item is not None:
                result.append(item)
        else:
            (removed if item[0] == REMOVED else added).append(item)
    return result


def _runs(signed: Iterable[_Signed]) -> Iterator[Segment]:
    """Return neighbours of one sign and one style joined to one Segment."""
    for (sign, old, new), run in groupby(signed, key=lambda item: (item[0], item[2], item[3])):
        yield Segment(sign, "".join(text for _, text, _, _ in run), old, new)


def _side_labels(old: Block, new: Block, budget: Budget, *, followed: bool) -> tuple[Label, ...]:
    """Return Labels for all that differs between two blocks except their words."""
    labels = []
    if old.kind == new.kind == "heading" and old.level != new.level:
        labels.append(Label("level", f"heading level {old.level} → {new.level}"))
    elif old.is_code and new.is_code and old.language != new.language:
        names = old.language or "none", new.language or "none"
        labels.append(Label("language", f"code language {names[0]} → {names[1]}"))
    elif old.setting != new.setting:
        labels.append(Label("setting", f"was {old.setting}, is {new.setting}"))
    if old.tokens == new.tokens:
        labels += _style_labels(_kept_runs(old, new), budget)
        if not labels and old.source != new.source:
            segments = tuple(line_segments(old.source, new.source, budget))
            labels.append(Label("source", "written differently, reads the same", segments=segments))
        if not labels and followed and old.loose != new.loose:
            labels.append(Label("source", f"blank lines before it {old.loose} → {new.loose}"))
    return tuple(labels)


def _style_labels(segments: Segments, budget: Budget) -> list[Label]:
    """Return Labels for the kept segments whose style changed."""
    labels = []
    for segment in segments:
        if not segment.is_kept or segment.old == segment.new:
            continue
        old, new = segment.old, segment.new
        labels += [Label("format", f"now {name}", segment.text) for name in sorted(new.formats - old.formats)]
        labels += [Label("format", f"no longer {name}", segment.text) for name in sorted(old.formats - new.formats)]
        if old.address != new.address:
            labels.append(_address_label(segment, budget))
    # A link across two formats is two segments, but one change.
    return list(dict.fromkeys(labels))


def _address_label(segment: Segment, budget: Budget) -> Label:
    old, new = segment.old, segment.new
    if new.is_image:
        return Label("image", "other image here", segment.text, tuple(word_segments(old.address, new.address, budget)))
    if not old.address:
        return Label("link", "now a link", segment.text, (Segment(ADDED, new.address),))
    if not new.address:
        return Label("link", "no longer a link", segment.text, (Segment(REMOVED, old.address),))
    return Label("link", "link goes elsewhere", segment.text, tuple(word_segments(old.address, new.address, budget)))


def word_segments(old: str, new: str, budget: Budget) -> list[Segment]:
    """Return the [Segment] between two short texts without Markdown."""
    old_block, new_block = line_block(old), line_block(new)
    if not old_block or not new_block:
        return [segment for block, sign in ((old_block, REMOVED), (new_block, ADDED)) if block
                for segment in whole(block[0], sign)]  # fmt: skip
    if old == new:
        return list(_kept(new_block[0]))
    segments = _changed_segments(old_block[0], new_block[0], budget)
    return list(segments or (*whole(old_block[0], REMOVED), *whole(new_block[0], ADDED)))


def line_segments(old: str, new: str, budget: Budget) -> list[Segment]:
    """Return the [Segment] between two texts, by whole lines."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    old_block = Block("code", "", tuple(before), (PLAIN,) * len(before), old, 0, 0)
    new_block = Block("code", "", tuple(after), (PLAIN,) * len(after), new, 0, 0)
    segments = _changed_segments(old_block, new_block, budget)
    return list(segments or (*whole(old_block, REMOVED), *whole(new_block, ADDED)))


def words_of(segments: Iterable[Segment], sign: str) -> int:
    """Return the number of words in the segments of one sign."""
    return sum(words_in(segment.text) for segment in segments if segment.sign == sign)
