"""Two records as one Comparison: texts in reading order, then all other values by path, with numbered marks."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User

from posts.diff.images import compare_images
from posts.diff.sequences import Budget
from posts.diff.texts import (
    ADDED,
    KEPT,
    REMOVED,
    Row,
    Segment,
    Segments,
    TextChange,
    compare_items,
    compare_text,
    words_of,
)
from posts.diff.values import ValueChange, compare_values
from posts.models import Post, Revision
from posts.records.schema import RecordDict

TEXTS = (("title", "Title", False), ("intro", "Intro", True), ("body", "Body", True))
# A page with more differences would be too slow to make, and nobody would read it.
MAX_SHOWN = 500
# Identity and address are not part of a text.
LEFT_OUT = ("source_id", "slug", "checklist", "image_sources", *(key for key, _, _ in TEXTS))


@dataclass(frozen=True)
class Mark:
    """One numbered difference: where (a field's label or a path), what in words, and its segments."""

    number: int
    where: str
    what: str
    segments: Segments
    in_record: bool


@dataclass
class Comparison:
    """The differences between two records.

    texts: [TextChange] of title, intro, body, images and checklist. record: [ValueChange] of the rest. is_capped:
    something was too long or too different to compare word by word and is shown whole.
    """

    texts: list[TextChange]
    record: list[ValueChange] = field(default_factory=list)
    words_in: int = 0
    words_out: int = 0
    words_old: int = 0
    words_new: int = 0
    is_capped: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.record and not any(text.is_changed for text in self.texts)

    @property
    def folded(self) -> list[tuple[bool, list[Row]]]:
        """[(is_equal, [Row])] of all texts: neighbouring equal rows in one part, every other row in its own."""
        parts: list[tuple[bool, list[Row]]] = []
        for row in (row for text in self.texts for row in text.rows):
            if row.kind == "equal" and parts and parts[-1][0]:
                parts[-1][1].append(row)
            else:
                parts.append((row.kind == "equal", [row]))
        return parts

    @property
    def shown(self) -> list[tuple[bool, list[Row]]]:
        """The parts of `folded` that a page shows."""
        return self.folded[:MAX_SHOWN]

    @property
    def shown_record(self) -> list[ValueChange]:
        """The changes of the record that a page shows."""
        return self.record[:MAX_SHOWN]

    @property
    def shown_marks(self) -> list[Mark]:
        """The marks that a page lists."""
        return self.marks[:MAX_SHOWN]

    @property
    def is_shortened(self) -> bool:
        """Whether a page shows only the first differences."""
        return len(self.folded) > MAX_SHOWN or len(self.record) > MAX_SHOWN

    @property
    def places_in_text(self) -> int:
        return len({row.mark for text in self.texts for row in text.rows if row.mark})

    @property
    def share(self) -> float:
        """Added and removed words as a share of all words in both texts: 0 if equal, 1 if all differ."""
        total = self.words_old + self.words_new
        return (self.words_in + self.words_out) / total if total else 0.0

    @property
    def percent(self) -> int:
        """`share` in whole per cent, at least 1 if anything changed."""
        return max(1, round(self.share * 100)) if self.words_in or self.words_out else 0

    @property
    def marks(self) -> list[Mark]:
        """[Mark] in order."""
        marks = {}
        for text in self.texts:
            for row in text.rows:
                if row.mark and row.kind != "stood":
                    segments = row.segments or (row.labels[0].segments if row.labels else ())
                    marks[row.mark] = Mark(row.mark, text.label, row.what, _excerpt(segments), in_record=False)
        for change in self.record:
            marks[change.mark] = Mark(
                change.mark, change.pointer, change.what, _excerpt(change.segments), in_record=True
            )
        return [marks[number] for number in sorted(marks)]


def compare_records(old: RecordDict, new: RecordDict) -> Comparison:
    """Return the Comparison of two record dicts.

    It is empty only if the two are the same record except for `source_id` and `slug`. Both texts can be rebuilt from
    its rows: kept and removed segments make the older one, kept and added ones the newer one. The cost is bounded
    (posts.diff.sequences); what exceeds it is shown whole.
    """
    budget = Budget()
    texts = [
        compare_text(key, label, old.get(key, ""), new.get(key, ""), budget, is_markdown=is_markdown)
        for key, label, is_markdown in TEXTS
    ]
    texts.append(compare_images(old.get("image_sources", []), new.get("image_sources", []), budget))
    texts.append(compare_items("checklist", "Checklist", old.get("checklist", []), new.get("checklist", []), budget))
    rest = [{key: value for key, value in side.items() if key not in LEFT_OUT} for side in (old, new)]
    record = compare_values(rest[0], rest[1], budget, ordered_at=("/ai_outline",))
    _number(texts, record)
    rows = [row for text in texts for row in text.rows]
    added, removed = (sum(words_of(row.segments, sign) for row in rows) for sign in (ADDED, REMOVED))
    # A moved block has two rows.
    kept_old, kept_new = (
        sum(words_of(row.segments, KEPT) for row in rows if row.kind != kind) for kind in ("moved", "stood")
    )
    return Comparison(
        texts=texts,
        record=record,
        words_in=added,
        words_out=removed,
        words_old=kept_old + removed,
        words_new=kept_new + added,
        is_capped=budget.ran_out,
    )


def _number(texts: Iterable[TextChange], record: Iterable[ValueChange]) -> None:
    number = 0
    for text in texts:
        moved: dict[int, int] = {}
        for row in text.rows:
            if row.kind == "equal":
                continue
            # A moved block is one change with two places.
            if row.kind in ("moved", "stood") and row.goes_with in moved:
                row.mark = moved[row.goes_with]
                continue
            number += 1
            row.mark = number
            if row.kind in ("moved", "stood"):
                moved[row.goes_with] = number
    for change in record:
        number += 1
        change.mark = number


def _excerpt(segments: Segments, limit: int = 90) -> Segments:
    """Return the changed segments, or the first if none changed, with `limit` characters at most."""
    chosen = [segment for segment in segments if not segment.is_kept and segment.text.strip()] or list(segments)
    result, left = [], limit
    for segment in chosen[:4]:
        text = segment.text.strip()
        if len(text) > left:
            text = text[: max(left - 1, 0)].rstrip() + "…"
        result.append(Segment(segment.sign, text, segment.old, segment.new))
        left -= len(text)
        if left <= 1:
            break
    return tuple(result)


def default_pair(post: Post) -> tuple[Revision, Revision] | None:
    """Return the (older, newer) Revisions to compare by default; None if a post has only one.

    The newer one is the proposed text. The older one is the live text; if that is the same or missing, the last
    import before it, else the text before it.
    """
    head = post.head_revision
    if post.live_revision and post.live_revision_id != head.pk:
        return post.live_revision, head
    earlier = post.revisions.filter(number__lt=head.number).order_by("-number")
    older = earlier.filter(batch__isnull=False).first() or earlier.first()
    return (older, head) if older else None


@dataclass(frozen=True)
class SinceImport:
    """What people changed since the import: the imported Revision, the Comparison, and [(person, saves)]."""

    imported: Revision
    comparison: Comparison
    people: list[tuple[User | None, int]]


def changes_since_import(post: Post) -> SinceImport | None:
    """Return the SinceImport of a post; None if no import brought it or nobody changed it."""
    imported = post.revisions.filter(batch__isnull=False).order_by("-number").first()
    if imported is None or imported.pk == post.head_revision_id:
        return None
    saves: dict[User | None, int] = {}
    later = post.revisions.filter(number__gt=imported.number, author__isnull=False).select_related("author")
    for revision in later.defer("snapshot").order_by("number"):
        saves[revision.author] = saves.get(revision.author, 0) + 1
    comparison = compare_records(imported.snapshot, post.head_revision.snapshot)
    return SinceImport(imported, comparison, list(saves.items()))
