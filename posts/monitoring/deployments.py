"""What changed with the last deployment: the figures before and after it, with a verdict in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from django.db.models import Count, Q
from django.utils import timezone

from posts.models import Deployment, JobRun
from posts.monitoring.figures import Figures, figures_by_route, is_desk, total

COMPARED = timedelta(hours=24)
# Fewer requests say little about the slowest twentieth of them.
LEAST_REQUESTS = 200
LEAST_RUNS = 20
SLOWER, SLOWER_MS = 1.25, 5.0
SURE = 2.58  # standard errors: 99 % sure


@dataclass(frozen=True)
class Change:
    """One figure before and after. words: both, as people read them. is_worse, is_better: None of both: the same."""

    name: str
    before: str
    after: str
    is_worse: bool = False
    is_better: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Comparison:
    """The changes since a deployment, or why they can't be told."""

    deployment: Deployment
    changes: list[Change]
    says_nothing: str = ""

    @property
    def worse(self) -> list[Change]:
        return [change for change in self.changes if change.is_worse]

    @property
    def better(self) -> list[Change]:
        return [change for change in self.changes if change.is_better]


def last_comparison(now: datetime | None = None) -> Comparison | None:
    """Compare up to 24 hours before the last deployment with up to 24 hours after it; None if none is noted."""
    now = now or timezone.now()
    newest = list(Deployment.objects.select_related("noted_by")[:2])
    if not newest:
        return None
    last = newest[0]
    since = last.began_at - COMPARED
    if len(newest) > 1:
        since = max(since, newest[1].began_at)
    until = min(now, last.began_at + COMPARED)
    before, after = figures_by_route(since, last.began_at), figures_by_route(last.began_at, until)
    kinds: list[tuple[str, Callable[[str], bool]]] = [
        ("Pages for readers", lambda route: not is_desk(route)),
        ("Articles", lambda route: route == "posts:detail"),
        ("The admin", is_desk),
    ]
    changes: list[Change] = []
    for name, belongs in kinds:
        was = total(figures for route, figures in before.items() if belongs(route))
        now_is = total(figures for route, figures in after.items() if belongs(route))
        if min(was.requests, now_is.requests) >= LEAST_REQUESTS:
            changes += _changes(name, was, now_is, last)
    if not changes:
        least = f"It needs {LEAST_REQUESTS} requests before and after it."
        return Comparison(last, [], f"There was too little traffic to compare. {least}")
    return Comparison(last, [*changes, *_failures(since, last, until)])


def _changes(name: str, was: Figures, now: Figures, last: Deployment) -> list[Change]:
    slow_was, slow_now = was.p95 or 0.0, now.p95 or 0.0
    far = abs(slow_now - slow_was) > SLOWER_MS
    slower, faster = far and slow_now > SLOWER * slow_was, far and slow_was > SLOWER * slow_now
    moved = "rose" if slower else "fell"
    sentence = f"p95 of {name.lower()} {moved} from {slow_was:.0f} to {slow_now:.0f} ms since {last.version}."
    changes = [
        Change(
            f"{name}: 95 of 100 answered within",
            f"{slow_was:.0f} ms",
            f"{slow_now:.0f} ms",
            slower,
            faster,
            sentence if slower or faster else "",
        ),
        _share(f"{name}: errors", was.errors, was.requests, now.errors, now.requests, last, more_is_worse=True),
    ]
    if was.cached or now.cached:
        changes.append(
            _share(
                f"{name}: from the page cache",
                was.cached,
                was.requests,
                now.cached,
                now.requests,
                last,
                more_is_worse=False,
                least=0.1,
            )
        )
    return changes


def _failures(since: datetime, last: Deployment, until: datetime) -> list[Change]:
    """Compare the runs of jobs that failed."""

    def counted(begin: datetime, end: datetime) -> tuple[int, int]:
        runs = JobRun.objects.filter(finished_at__gte=begin, finished_at__lt=end)
        found = runs.order_by().aggregate(all=Count("pk"), failed=Count("pk", filter=Q(task__status="FAILED")))
        return found["failed"], found["all"]

    (failed_was, all_was), (failed_now, all_now) = counted(since, last.began_at), counted(last.began_at, until)
    if min(all_was, all_now) < LEAST_RUNS:
        return []
    return [_share("Jobs: failures", failed_was, all_was, failed_now, all_now, last, more_is_worse=True)]


def _share(
    name: str,
    part_was: int,
    all_was: int,
    part_now: int,
    all_now: int,
    last: Deployment,
    *,
    more_is_worse: bool,
    least: float = 0.001,
) -> Change:
    """Compare two shares: they differ if chance would hardly explain it (two-proportion z-test, pooled)."""
    was, now = part_was / all_was, part_now / all_now
    pooled = (part_was + part_now) / (all_was + all_now)
    error = sqrt(pooled * (1 - pooled) * (1 / all_was + 1 / all_now))
    differs = abs(now - was) > max(least, SURE * error) if error else False
    grew = differs and now > was
    shrank = differs and now < was
    moved = "rose" if grew else "fell"
    sentence = f"{name} {moved} from {was:.1%} to {now:.1%} since {last.version}." if differs else ""
    worse, better = (grew, shrank) if more_is_worse else (shrank, grew)
    return Change(name, f"{was:.1%}", f"{now:.1%}", worse, better, sentence)
