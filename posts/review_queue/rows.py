"""What a row of the queue shows. It reads the stored entry and asks the database nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from posts.models import QueueEntry
from posts.review_queue import weights
from posts.review_queue.claims import ClaimedByAnother, claimed_by_another
from posts.review_queue.weights import WEIGHTS

STRIP_WIDTH = 84
# The bar of the first row is full, unless the whole page has fewer points than this.
STRIP_AT_LEAST = 100


@dataclass(frozen=True)
class Reason:
    """One part of the risk score, in words."""

    code: str
    label: str
    points: int
    detail: str = ""
    post_id: int | None = None

    @property
    def words(self) -> str:
        return f"{self.label}, {self.detail}" if self.detail else self.label


@dataclass(frozen=True)
class Part:
    """A part of the bar: its start and width in pixels; every second one has another tone."""

    x: float
    width: float
    is_second: bool


@dataclass(frozen=True)
class Row:
    """A QueueEntry (with its post, its claim and its assignment) as one person sees it."""

    entry: QueueEntry
    reasons: list[Reason]
    strip: list[Part]
    days: int
    is_mine: bool
    standing: ClaimedByAnother | None

    @property
    def main(self) -> Reason | None:
        """The reason with most points, or None."""
        return self.reasons[0] if self.reasons else None

    @property
    def others(self) -> list[Reason]:
        return self.reasons[1:]


def reasons_of_entry(entry: QueueEntry, *, now: datetime | None = None) -> list[Reason]:
    """Return the [Reason] of a QueueEntry, most points first: text, generator and age together."""
    days = max(0, ((now or timezone.now()) - entry.waiting_since).days)
    parts = [
        Reason(part["code"], WEIGHTS[part["code"]].label, part["points"], part["detail"], part.get("post"))
        for part in entry.reasons
        if part["code"] in WEIGHTS
    ]
    if entry.generator_points:
        parts.append(Reason(weights.GENERATOR, WEIGHTS[weights.GENERATOR].label, entry.generator_points))
    if entry.age_points:
        parts.append(Reason(weights.WAITING, f"Waiting {days} day{'' if days == 1 else 's'}", entry.age_points))
    return sorted(parts, key=lambda part: (-part.points, weights.CODES.index(part.code)))


def rows_of(entries: Sequence[QueueEntry], *, by: User, now: datetime | None = None) -> list[Row]:
    """Return the [Row] of a page of entries for the person `by`."""
    now = now or timezone.now()
    top = max([STRIP_AT_LEAST, *(entry.points for entry in entries)])
    rows = []
    for entry in entries:
        reasons = reasons_of_entry(entry, now=now)
        strip, x = [], 0.0
        for number, reason in enumerate(reasons):
            width = STRIP_WIDTH * reason.points / top
            strip.append(Part(round(x, 1), round(max(1.0, width - 1), 1), number % 2 == 1))
            x += width
        rows.append(
            Row(
                entry=entry,
                reasons=reasons,
                strip=strip,
                days=max(0, (now - entry.waiting_since).days),
                is_mine=entry.held_by_id == by.pk and entry.held_until is not None and entry.held_until > now,
                standing=claimed_by_another(entry, by=by, now=now),
            )
        )
    return rows
