"""Sums and percentiles of the stored figures of requests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from posts.measures import BOUNDS_MS
from posts.models import RequestFigure
from posts.retention import kept

# Minutes become hours after two hours. Hours are kept for the charts of fourteen days and a comparison before them.
KEPT_AS_MINUTES = timedelta(hours=2)
HOURS_AT_ONCE = 48


@dataclass
class Figures:
    """What was counted of one route, or of several."""

    requests: int = 0
    errors: int = 0
    refused: int = 0
    cached: int = 0
    total_ms: float = 0.0
    slowest_ms: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    def add(self, row: "RequestFigure | Figures") -> None:
        """Add the counts of a row."""
        self.requests += row.requests
        self.errors += row.errors
        self.refused += row.refused
        self.cached += row.cached
        self.total_ms += row.total_ms
        self.slowest_ms = max(self.slowest_ms, row.slowest_ms)
        # Another version may have other classes: what is slower than ours counts in the last one.
        for number, count in enumerate(row.counts):
            self.counts[min(number, len(BOUNDS_MS))] += count

    def percentile(self, share: float) -> float | None:
        """Return the milliseconds within which this share (0 to 1) of the requests was answered; None without any.

        Interpolated within a class, as Prometheus does it in histogram_quantile().
        """
        if not (total := sum(self.counts)):
            return None
        wanted, below = share * total, 0
        for number, count in enumerate(self.counts):
            if count and below + count >= wanted:
                low = BOUNDS_MS[number - 1] if number else 0
                high = BOUNDS_MS[number] if number < len(BOUNDS_MS) else max(self.slowest_ms, low)
                return min(low + (high - low) * (wanted - below) / count, self.slowest_ms)
            below += count
        return self.slowest_ms

    @property
    def p50(self) -> float | None:
        return self.percentile(0.5)

    @property
    def p95(self) -> float | None:
        return self.percentile(0.95)

    @property
    def error_share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def cached_share(self) -> float:
        return self.cached / self.requests if self.requests else 0.0


def figures_by_route(since: datetime, until: datetime, *, version: str | None = None) -> dict[str, Figures]:
    """Return {route: Figures} of the time between two moments. version: of the software that answered."""
    rows = RequestFigure.objects.filter(began_at__gte=since, began_at__lt=until)
    if version is not None:
        rows = rows.filter(version=version)
    found: dict[str, Figures] = {}
    for row in rows.iterator(chunk_size=2000):
        found.setdefault(row.route, Figures()).add(row)
    return found


def figures_by_time(since: datetime, until: datetime, *, step: timedelta) -> list[tuple[datetime, Figures]]:
    """Return [(begin, Figures of all public pages)] for each step from `since` to `until`."""
    count = max(1, round((until - since) / step))
    found = [(since + number * step, Figures()) for number in range(count)]
    rows = RequestFigure.objects.filter(began_at__gte=since, began_at__lt=until)
    for row in rows.iterator(chunk_size=2000):
        if not is_desk(row.route):
            found[min(count - 1, int((row.began_at - since) / step))][1].add(row)
    return found


def is_desk(route: str) -> bool:
    """Return whether a route is a page of the admin."""
    return route.startswith("admin:")


def total(figures: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    whole = Figures()
    for one in figures:
        whole.add(one)
    return whole


def old_figures(now: datetime) -> QuerySet[RequestFigure]:
    """Return figures that no chart and no comparison needs."""
    return RequestFigure.objects.filter(began_at__lt=now - kept("figures"))


def add_up_figures(now: datetime) -> int:
    """Make one row an hour, version and route of minutes that are older than two hours, and delete old hours.

    Returns the number of hours that were added up. Safe to run at any time and twice: each hour is one transaction.
    """
    limit = (now - KEPT_AS_MINUTES).replace(minute=0, second=0, microsecond=0)
    minutes = RequestFigure.objects.filter(seconds=RequestFigure.MINUTE)
    done = 0
    while done < HOURS_AT_ONCE and (first := minutes.filter(began_at__lt=limit).order_by("began_at").first()):
        hour = first.began_at.replace(minute=0, second=0, microsecond=0)
        _add_up(hour)
        done += 1
    old_figures(now).delete()
    return done


@transaction.atomic
def _add_up(hour: datetime) -> None:
    ending = hour + timedelta(hours=1)
    rows = list(
        RequestFigure.objects.select_for_update().filter(
            seconds=RequestFigure.MINUTE, began_at__gte=hour, began_at__lt=ending
        )
    )
    sums: dict[tuple[str, str], Figures] = {}
    for row in rows:
        sums.setdefault((row.version, row.route), Figures()).add(row)
    RequestFigure.objects.filter(pk__in=[row.pk for row in rows]).delete()
    RequestFigure.objects.bulk_create(
        RequestFigure(seconds=RequestFigure.HOUR, began_at=hour, version=version, route=route, **vars(summed))
        for (version, route), summed in sums.items()
    )
