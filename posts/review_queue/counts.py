"""The numbers of queue and desk. Each is counted when asked for, up to COUNT_LIMIT, on an index: never stale, and at
any size of the queue no longer than a page takes."""

from datetime import datetime, time, timedelta

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from posts.models import AuditEntry, ImportBatch, Post, QueueEntry, QueueLabel, Review, SiteFigure
from posts.review_queue import weights
from posts.review_queue.weights import WEIGHTS

COUNT_LIMIT = 10_000
DAYS = 14
MIDNIGHT = "waiting at midnight"
# Noted later than that, the number would be that of another moment of the day.
NOTED_WITHIN = timedelta(minutes=30)


def capped_counts(querysets):
    """How many rows each queryset has, COUNT_LIMIT + 1 if more: a list of numbers, by one query."""
    if not querysets:
        return []
    parts, params = [], []
    for rows in querysets:
        sql, values = rows.order_by().values_list("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
        # Django's own SQL, its values apart.
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608
        params += values
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        return list(cursor.fetchone())


def said_count(count):
    """A capped count in words: "4,812", or "more than 10,000"."""
    return f"more than {COUNT_LIMIT:,}" if count > COUNT_LIMIT else f"{count:,}"


def short_count(count):
    """The same where there is little room: "4,812", or "10,000+"."""
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


def waiting_count():
    """How many posts wait, capped."""
    return capped_counts([QueueEntry.objects.all()])[0]


def reasons_for_waiting():
    """[(Weight, capped count)] of the reasons that waiting posts have, the most frequent first, then by weight."""
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


def days_until(today):
    """The last DAYS days, `today` last, as dates."""
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def came_in_by_day(today):
    """{date: (texts that came in, number of the largest import or None)} of the last DAYS days: what imports that began
    on the day brought, and what people submitted."""
    start = start_of(days_until(today)[0])
    came = {day: [0, None, 0] for day in days_until(today)}
    batches = ImportBatch.objects.filter(started_at__gte=start).order_by("pk")
    for pk, started_at, created, updated in batches.values_list("pk", "started_at", "created", "updated"):
        day = timezone.localdate(started_at)
        if day in came:
            came[day][0] += created + updated
            if created + updated > came[day][2]:
                came[day][1:] = [pk, created + updated]
    submitted = AuditEntry.objects.filter(action="submitted", made_at__gte=start).order_by()
    for day, count in submitted.annotate(day=TruncDate("made_at")).values_list("day").annotate(Count("pk")):
        if day in came:
            came[day][0] += count
    return {day: (count, batch) for day, (count, batch, _) in came.items()}


def decided_by_day(today):
    """{date: decisions of people that stand} of the last DAYS days."""
    start = start_of(days_until(today)[0])
    decided = dict.fromkeys(days_until(today), 0)
    reviews = _whole_decisions().filter(created_at__gte=start)
    for day, count in reviews.annotate(day=TruncDate("created_at")).values_list("day").annotate(Count("pk")):
        if day in decided:
            decided[day] = count
    return decided


def note_waiting_at_midnight(*, now=None):
    """Keep how many posts waited when the day began, once a day; what came and was decided since is taken off."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    is_late = now - start_of(today) > NOTED_WITHIN
    if is_late or SiteFigure.objects.filter(name=MIDNIGHT, counted_at__gte=start_of(today)).exists():
        return
    count = QueueEntry.objects.count() - came_in_by_day(today)[today][0] + decided_by_day(today)[today]
    value = {"day": str(today), "count": max(0, count)}
    SiteFigure.objects.update_or_create(name=MIDNIGHT, defaults={"value": value, "counted_at": now})


def waiting_at_midnight(today):
    """How many posts waited when `today` began; None where nobody noted it."""
    noted = SiteFigure.objects.filter(name=MIDNIGHT).values_list("value", flat=True).first()
    if noted and noted["day"] == str(today):
        return noted["count"]
    first = Post.objects.order_by("pk").values_list("created_at", flat=True).first()
    # The site began today.
    return 0 if first is None or first >= start_of(today) else None


def change_of_backlog(waiting, *, came_in, decided, today):
    """(change, other): by how much the backlog grew today, and the part of it that is neither what came in nor what was
    decided, such as an import rolled back; came_in - decided + other = change. (None, None) where it is not known.

    waiting: how many posts wait now, capped.
    """
    before = waiting_at_midnight(today)
    if before is None or waiting > COUNT_LIMIT:
        return None, None
    change = waiting - before
    return change, change - came_in + decided


def decisions_of(person, *, since):
    """{outcome: how many} of one person's decisions since an aware moment."""
    reviews = _whole_decisions().filter(reviewer=person, created_at__gte=since)
    return dict(reviews.values_list("outcome").annotate(Count("pk")))


def _whole_decisions():
    """The decisions that stand and end the review of a text: an approval in part leaves it waiting."""
    return Review.objects.filter(outcome__in=Review.CHOICES, undone_at=None).order_by()


def start_of(day):
    """The aware first moment of a date in the site's zone."""
    return timezone.make_aware(datetime.combine(day, time()))
