"""The counts of the queue and the dashboard.

Each is counted on request, up to COUNT_LIMIT, on an index: never outdated, and fast at any size of the queue.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from posts.models import AuditEntry, ImportBatch, Post, QueueEntry, QueueLabel, Review, SiteFigure
from posts.review_queue import weights
from posts.review_queue.weights import WEIGHTS, Weight

COUNT_LIMIT = 10_000
DAYS = 14
MIDNIGHT = "waiting at midnight"
# Later than that, the number would belong to another time of day.
NOTED_WITHIN = timedelta(minutes=30)


def capped_counts(querysets: Sequence[QuerySet[Any]]) -> list[int]:
    """Return the number of rows of each queryset, COUNT_LIMIT + 1 if more, by one query."""
    if not querysets:
        return []
    parts: list[str] = []
    params: list[Any] = []
    for rows in querysets:
        sql, values = rows.order_by().values_list("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
        # Django's own SQL, with separate values.
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608
        params += values
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        return list(cursor.fetchone() or ())


def said_count(count: int) -> str:
    """Return a capped count in words: "4,812", or "more than 10,000"."""
    return f"more than {COUNT_LIMIT:,}" if count > COUNT_LIMIT else f"{count:,}"


def short_count(count: int) -> str:
    """Return a capped count for narrow places: "4,812", or "10,000+"."""
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


def reasons_for_waiting() -> list[tuple[Weight, int]]:
    """Return [(Weight, capped count)] of the risk reasons of pending posts, most frequent first."""
    by_label = QueueLabel.objects.filter(kind=QueueLabel.Kind.REASON)
    rows = [
        QueueEntry.objects.filter(generator_points__gt=0)
        if code == weights.GENERATOR
        else QueueEntry.objects.filter(age_points__gte=WEIGHTS[code].most)
        if code == weights.WAITING
        else by_label.filter(name=code)
        for code in weights.CODES
    ]
    counts = zip(weights.CODES, capped_counts(rows), strict=True)
    return [(WEIGHTS[code], count) for code, count in sorted(counts, key=lambda pair: -pair[1]) if count]


def days_until(today: date) -> list[date]:
    """Return the last DAYS days as dates, ending with `today`."""
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def came_in_by_day(today: date) -> dict[date, tuple[int, int | None]]:
    """Return {date: (new texts, number of the largest import or None)} of the last DAYS days.

    New texts are what imports begun on the day brought, and what people submitted.
    """
    start = start_of(days_until(today)[0])
    came = dict.fromkeys(days_until(today), 0)
    largest: dict[date, tuple[int, int]] = {}
    batches = ImportBatch.objects.filter(started_at__gte=start).order_by("pk")
    for pk, started_at, created, updated in batches.values_list("pk", "started_at", "created", "updated"):
        day = timezone.localdate(started_at)
        if day in came:
            came[day] += created + updated
            if created + updated > largest.get(day, (0, 0))[1]:
                largest[day] = (pk, created + updated)
    submitted = AuditEntry.objects.filter(action="submitted", made_at__gte=start).order_by()
    for day, count in submitted.annotate(day=TruncDate("made_at")).values_list("day").annotate(Count("pk")):
        if day in came:
            came[day] += count
    return {day: (count, largest[day][0] if day in largest else None) for day, count in came.items()}


def decided_by_day(today: date) -> dict[date, int]:
    """Return {date: decisions that were not undone} of the last DAYS days."""
    start = start_of(days_until(today)[0])
    decided = dict.fromkeys(days_until(today), 0)
    reviews = _whole_decisions().filter(created_at__gte=start)
    for day, count in reviews.annotate(day=TruncDate("created_at")).values_list("day").annotate(Count("pk")):
        if day in decided:
            decided[day] = count
    return decided


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


def waiting_at_midnight(today: date) -> int | None:
    """Return how many posts were pending when `today` began; None if nobody noted it."""
    noted = SiteFigure.objects.filter(name=MIDNIGHT).values_list("value", flat=True).first()
    if noted and noted["day"] == str(today):
        return int(noted["count"])
    first = Post.objects.order_by("pk").values_list("created_at", flat=True).first()
    # The site started today.
    return 0 if first is None or first >= start_of(today) else None


def change_of_backlog(waiting: int, *, came_in: int, decided: int, today: date) -> tuple[int, int] | tuple[None, None]:
    """Return (change, other): the growth of the backlog today, and its part from other causes.

    Other causes are for example an import rolled back: came_in - decided + other = change. (None, None) if unknown.
    waiting: how many posts are pending now, capped.
    """
    before = waiting_at_midnight(today)
    if before is None or waiting > COUNT_LIMIT:
        return None, None
    change = waiting - before
    return change, change - came_in + decided


def decisions_of(person: User, *, since: datetime) -> dict[str, int]:
    """Return {outcome: number} of one person's decisions since an aware datetime."""
    reviews = _whole_decisions().filter(reviewer=person, created_at__gte=since)
    return dict(reviews.values_list("outcome").annotate(Count("pk")))


def _whole_decisions() -> QuerySet[Review]:
    """Return the decisions that end a review: not undone, and not approvals in part."""
    return Review.objects.filter(outcome__in=Review.CHOICES, undone_at=None).order_by()


def start_of(day: date) -> datetime:
    """Return the start of a date in the site's time zone, as an aware datetime."""
    return timezone.make_aware(datetime.combine(day, time()))
