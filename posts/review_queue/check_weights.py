"""What the findings of each check are worth in the risk score, from the decisions of this site."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from posts.models import CheckResult, CheckWeight, Review

# Decisions of so many days count, and the newest of them if there are more.
MEMORY = timedelta(days=180)
MOST_DECISIONS = 20_000
# A check with fewer decisions keeps the usual weight.
MIN_DECISIONS = 8
# So many decisions of the usual kind are added to those of a check, so that a few cannot say much.
PRIOR = 10
# The weights in tenths: findings are worth from half as much as usual to twice as much.
USUAL, LEAST, MOST = 10, 5, 20
CHUNK = 500
TURNED_DOWN = (Review.Outcome.CHANGES_REQUESTED, Review.Outcome.REJECTED)


def weight_in_tenths(turned_down: int, decided: int, usual_share: float) -> int:
    """Return the weight of a check in tenths, from LEAST to MOST.

    turned_down of decided: decisions about texts with its findings. usual_share: the share of all decisions that
    turned the text down.
    """
    if decided < MIN_DECISIONS or not usual_share:
        return USUAL
    share = (turned_down + PRIOR * usual_share) / (decided + PRIOR)
    return min(MOST, max(LEAST, round(USUAL * share / usual_share)))


def weigh_checks(*, now: datetime | None = None, on_checkpoint: Callable[[], object] = lambda: None) -> bool:
    """Count the decisions about texts with findings of each check and store its weight; return whether one changed.

    It reads individual decisions that stand, in sets along their keys from the newest. on_checkpoint: called between
    sets, may raise.
    """
    now = now or timezone.now()
    decided: Counter[str] = Counter()
    turned_down: Counter[str] = Counter()
    seen = down = 0
    for decisions in decisions_since(now - MEMORY):
        checks_of = _checks_with_findings(fingerprint for _, fingerprint, _ in decisions)
        for _, fingerprint, outcome in decisions:
            if fingerprint not in checks_of:
                continue
            is_down = outcome in TURNED_DOWN
            seen, down = seen + 1, down + is_down
            decided.update(checks_of[fingerprint])
            if is_down:
                turned_down.update(checks_of[fingerprint])
        on_checkpoint()
    usual_share = down / seen if seen else 0.0
    rows = [
        CheckWeight(
            check_id=name,
            decided=count,
            turned_down=turned_down[name],
            tenths=weight_in_tenths(turned_down[name], count, usual_share),
            counted_at=now,
        )
        for name, count in decided.items()
    ]
    return _store(rows)


def decisions_since(since: datetime) -> Iterable[list[tuple[int, str, str]]]:
    """Yield lists of (primary key, fingerprint, outcome) of the decisions that count, newest first."""
    reviews = Review.objects.filter(
        created_at__gt=since, undone_at=None, revoked_at=None, is_bulk=False,
        outcome__in=[Review.Outcome.APPROVED, *TURNED_DOWN],
    ).order_by("-pk")  # fmt: skip
    before, left = None, MOST_DECISIONS
    while left > 0:
        rows = reviews if before is None else reviews.filter(pk__lt=before)
        chunk = list(rows.values_list("pk", "fingerprint", "outcome")[: min(CHUNK, left)])
        if not chunk:
            return
        yield chunk
        before, left = chunk[-1][0], left - len(chunk)


def _checks_with_findings(fingerprints: Iterable[str]) -> dict[str, set[str]]:
    """Return {fingerprint: ids of the checks that found something} of the texts with stored results, the newest."""
    rows = CheckResult.objects.filter(fingerprint__in=set(fingerprints)).order_by("pk")
    stored = rows.values_list("fingerprint", "findings")
    return {fingerprint: {told["check"] for told in findings if "stops" in told} for fingerprint, findings in stored}


@transaction.atomic
def _store(rows: list[CheckWeight]) -> bool:
    """Replace the stored weights; return whether a weight is another one than before."""
    before = weights_of_checks()
    CheckWeight.objects.exclude(pk__in=[row.pk for row in rows]).delete()
    CheckWeight.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["decided", "turned_down", "tenths", "counted_at"],
        unique_fields=["check_id"],
    )
    return before != weights_of_checks()


def weights_of_checks() -> dict[str, int]:
    """Return {id of a check: its weight in tenths} of the checks whose weight is not the usual one."""
    return dict(CheckWeight.objects.exclude(tenths=USUAL).order_by("pk").values_list("pk", "tenths"))
