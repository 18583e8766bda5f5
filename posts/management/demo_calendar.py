"""When the demo people worked: ten weeks up to yesterday, with more decisions on weekdays than at weekends."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Model
from django.utils import timezone

from posts.audit.log import entries_dated
from posts.models import ImportBatch, Post, QueueEntry, Release, Review, ReviewFlag, Revision

WEEKS = 10
# How busy Monday to Sunday are, in parts of one week's work.
PACE = (4, 8, 5, 7, 2, 1, 0)
FIRST_HOUR, MINUTES_BETWEEN = time(9, 10), 41
IMPORT_HOUR = time(6, 5)
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)

# What an operation or an import dates, apart from the entries of the audit trail: nobody can date those later.
DATED: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (ImportBatch, ("started_at", "attempt_at", "progress_at", "finished_at")),
    (Post, ("created_at", "changed_at", "first_published_at", "last_published_at", "withdrawn_at")),
    (QueueEntry, ("waiting_since",)),
    (Release, ("made_at",)),
    (Review, ("created_at", "revoked_at", "undone_at")),
    (ReviewFlag, ("raised_at", "cleared_at")),
    (Revision, ("created_at",)),
)


@contextlib.contextmanager
def working_at(moment: datetime) -> Iterator[None]:
    """Date with `moment`, which is aware, all that is written meanwhile."""
    began = timezone.now()
    with entries_dated(moment):
        yield
    move_to(moment, since=began)


def move_to(moment: datetime, *, since: datetime) -> None:
    """Date everything that the database dated at `since` or later with `moment`, both aware."""
    # SQLite's clock has milliseconds: what it dated at once would be earlier. What was moved before is of other days.
    since -= timedelta(seconds=1)
    for model, columns in DATED:
        for column in columns:
            model._default_manager.filter(**{f"{column}__gte": since}).update(**{column: moment})


def week_start(week: int, today: date) -> date:
    """Return the first day of `week`, 0 to WEEKS; the last of the WEEKS weeks ends yesterday."""
    return today - timedelta(days=7 * (WEEKS - week))


def import_moment(week: int, today: date) -> datetime:
    """Return when the posts of `week` came in: in the morning of the last Monday before it."""
    day = week_start(week, today) - timedelta(days=1)
    return timezone.make_aware(datetime.combine(day - timedelta(days=day.weekday()), IMPORT_HOUR))


def moments(week: int, count: int, today: date) -> list[datetime]:
    """Return `count` working moments of `week` in order, spread as PACE says."""
    days = [week_start(week, today) + timedelta(days=number) for number in range(7)]
    places = [day for day in days for _ in range(PACE[day.weekday()])]
    chosen = [places[number * len(places) // count] for number in range(count)]
    on_day: dict[date, int] = {}
    found = []
    for day in chosen:
        number = on_day[day] = on_day.get(day, -1) + 1
        at = datetime.combine(day, FIRST_HOUR) + timedelta(minutes=MINUTES_BETWEEN * (number % 14) + 3 * day.day % 19)
        found.append(timezone.make_aware(at))
    return found
