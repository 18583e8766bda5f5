"""The counts of the queue and the dashboard.

Each is counted on request, up to COUNT_LIMIT, on an index: never outdated, and fast at any size of the queue. What
happened on the days before comes from posts.review_queue.days.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from posts.models import ImportBatch, Post, QueueEntry, QueueLabel, SiteFigure
from posts.review_queue import weights
from posts.review_queue.days import MIDNIGHT, DayCounts, start_of, whole_decisions
from posts.review_queue.weights import WEIGHTS, Weight

COUNT_LIMIT = 10_000
# For counts that read rows beside the index, or of many tables at once.
FEW_COUNTED = 1_000
DAYS = 14
# Later than that, the number would belong to another time of day.
NOTED_WITHIN = timedelta(minutes=30)


def capped_counts(querysets: Sequence[QuerySet[Any]], *, limit: int = COUNT_LIMIT) -> list[int]:
    """Return the number of rows of each queryset, limit + 1 if more, by one query."""
    if not querysets:
        return []
    parts: list[str] = []
    params: list[Any] = []
    for rows in querysets:
        sql, values = rows.order_by().values_list("pk")[: limit + 1].query.sql_with_params()
        # Django's own SQL, with separate values.
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608
        params += values
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        return list(cursor.fetchone() or ())


def said_count(count: int, *, limit: int = COUNT_LIMIT) -> str:
    """Return a capped count in words: "4,812", or "more than 10,000"."""
    return f"more than {limit:,}" if count > limit else f"{count:,}"


def short_count(count: int, *, limit: int = COUNT_LIMIT) -> str:
    """Return a capped count for narrow places: "4,812", or "10,000+"."""
    return f"{limit:,}+" if count > limit else f"{count:,}"


def reasons_for_waiting() -> list[tuple[Weight, int]]:
    """Return [(Weight, capped count)] of the risk reasons of pending posts, most frequent first."""
    by_label = QueueLabel.objects.filter(kind=QueueLabel.Kind.REASON)
    rows = [
        QueueEntry.objects.filter(generator_points__gt=0)
        if code == weights.GENERATOR
        # What age_points says, by an index that has it: a point for each whole day.
        else QueueEntry.objects.filter(waiting_since__lte=timezone.now() - timedelta(days=WEIGHTS[code].most))
        if code == weights.WAITING
        else by_label.filter(name=code)
        for code in weights.CODES
    ]
    counts = zip(weights.CODES, capped_counts(rows), strict=True)
    return [(WEIGHTS[code], count) for code, count in sorted(counts, key=lambda pair: -pair[1]) if count]


def days_until(today: date) -> list[date]:
    """Return the last DAYS days as dates, ending with `today`."""
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def came_in_by_day(today: date, counts: DayCounts | None = None) -> dict[date, tuple[int, int | None]]:
    """Return {date: (new texts, number of the largest import or None)} of the last DAYS days.

    New texts are what imports begun on the day brought, and what people submitted.
    """
    first = days_until(today)[0]
    came = dict.fromkeys(days_until(today), 0)
    largest: dict[date, tuple[int, int]] = {}
    batches = ImportBatch.objects.filter(started_at__gte=start_of(first)).order_by("pk")
    for pk, started_at, created, updated in batches.values_list("pk", "started_at", "created", "updated"):
        day = timezone.localdate(started_at)
        if day in came:
            came[day] += created + updated
            if created + updated > largest.get(day, (0, 0))[1]:
                largest[day] = (pk, created + updated)
    submitted = (counts or DayCounts()).submitted(first)
    return {day: (count + submitted[day], largest[day][0] if day in largest else None) for day, count in came.items()}


def decided_by_day(today: date, counts: DayCounts | None = None) -> dict[date, int]:
    """Return {date: decisions that were not undone} of the last DAYS days."""
    days = days_until(today)
    decided = (counts or DayCounts()).decided(days[0])
    return {day: decided[day] for day in days}


def note_waiting_at_midnight(*, now: datetime | None = None) -> None:
    """Store once a day how many posts were pending at midnight, from today's count and changes."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    is_late = now - start_of(today) > NOTED_WITHIN
    if is_late or SiteFigure.objects.filter(name=MIDNIGHT, counted_at__gte=start_of(today)).exists():
        return
    count = QueueEntry.objects.count() - came_in_by_day(today)[today][0] + decided_by_day(today)[today]
    value = {"day": str(today), "count": max(0, count)}
    SiteFigure.objects.update_or_create(name=MIDNIGHT, defaults={"value": value, "counted_at": now})


def waiting_at_midnight(today: date, counts: DayCounts) -> int | None:
    """Return how many posts were pending when `today` began; None if nobody noted it."""
    noted = counts.midnight
    if noted and noted["day"] == str(today):
        return int(noted["count"])
    first = Post.objects.order_by("pk").values_list("created_at", flat=True).first()
    # The site started today.
    return 0 if first is None or first >= start_of(today) else None


def change_of_backlog(
    waiting: int, counts: DayCounts, *, came_in: int, decided: int, today: date
) -> tuple[int, int] | tuple[None, None]:
    """Return (change, other): the growth of the backlog today, and its part from other causes.

    Other causes are for example an import rolled back: came_in - decided + other = change. (None, None) if unknown.
    waiting: how many posts are pending now, capped.
    """
    before = waiting_at_midnight(today, counts)
    if before is None or waiting > COUNT_LIMIT:
        return None, None
    change = waiting - before
    return change, change - came_in + decided


def decisions_of(person: User, *, since: datetime) -> dict[str, int]:
    """Return {outcome: number} of one person's decisions since an aware datetime."""
    reviews = whole_decisions().filter(reviewer=person, created_at__gte=since)
    return dict(reviews.values_list("outcome").annotate(Count("pk")))
