"""How often each point of the review guideline failed, and how often a decision that depended on it was disputed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q

from posts.models import Review

# As many decisions as a page can count at once, on a site of any size.
NEWEST = 2000
APPROVALS = (Review.Outcome.APPROVED, Review.Outcome.APPROVED_IN_PART)
Answer = Review.Answer


@dataclass
class PointStats:
    """The answers to one point. disputed: the decisions that depended on it and were undone or overturned."""

    met: int = 0
    not_met: int = 0
    not_applicable: int = 0
    disputed: int = 0

    @property
    def answered(self) -> int:
        """The answers that say something about a text."""
        return self.met + self.not_met

    @property
    def never_failed(self) -> bool:
        return bool(self.answered) and not self.not_met


@dataclass(frozen=True)
class GuidelineStats:
    """The statistics of all points by their keys. decisions: how many were counted, NEWEST at most."""

    decisions: int = 0
    points: Mapping[str, PointStats] = field(default_factory=dict)

    def of(self, key: str) -> PointStats:
        return self.points.get(key, PointStats())


def guideline_stats() -> GuidelineStats:
    """Return the statistics of the newest decisions that answered the guideline, in one query.

    Bulk decisions answer nothing, so none is among them. An approval depends on the points that are met, another
    decision on those that are not. It is overturned if it was revoked, or if a later decision about the same text says
    the opposite.
    """
    later = Review.objects.filter(revision=OuterRef("revision"), pk__gt=OuterRef("pk"), undone_at=None, is_bulk=False)
    is_approval = Q(outcome__in=APPROVALS)
    rows = (
        Review.objects.filter(guideline__isnull=False)
        .order_by("-pk")
        .annotate(approved_later=Exists(later.filter(is_approval)), refused_later=Exists(later.exclude(is_approval)))
        .values_list("answers", "outcome", "undone_at", "revoked_at", "approved_later", "refused_later")
    )
    points: dict[str, PointStats] = {}
    count = 0
    for answers, outcome, undone_at, revoked_at, approved_later, refused_later in rows[:NEWEST]:
        count += 1
        is_approval_itself = outcome in APPROVALS
        overturned = refused_later if is_approval_itself else approved_later
        is_disputed = bool(undone_at or revoked_at or overturned)
        decisive = Answer.MET if is_approval_itself else Answer.NOT_MET
        for key, answer in answers.items():
            stats = points.setdefault(key, PointStats())
            stats.disputed += is_disputed and answer == decisive
            # What was undone was a slip: it says nothing about the text.
            if not undone_at:
                setattr(stats, answer, getattr(stats, answer) + 1)
    return GuidelineStats(count, points)
