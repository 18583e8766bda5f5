"""When an article was first published: elsewhere if its record names an earlier day, else on this site."""

import datetime

from django.conf import settings
from django.utils import timezone

from posts.records.schema import RecordDict

# Addresses of list pages count from here.
_EARLIEST = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def first_day(record: RecordDict, released_at: datetime.datetime | None) -> datetime.date | None:
    """Return the day of first publication that the record names, as a date, or None.

    None also if the day is not before the release on this site (`released_at`, or None).
    """
    try:
        day = datetime.date.fromisoformat(record.get("published_on", ""))
    except ValueError:
        return None
    released = released_at or timezone.now()
    return day if day < released.astimezone(timezone.get_default_timezone()).date() else None


def publication_moment(record: RecordDict, released_at: datetime.datetime) -> datetime.datetime:
    """Return when the text of a released record was first published, as an aware datetime."""
    day = first_day(record, released_at)
    return datetime.datetime.combine(day, datetime.time(), timezone.get_default_timezone()) if day else released_at


def place_in_lists(record: RecordDict, released_at: datetime.datetime) -> datetime.datetime:
    """Return the datetime by which lists and feeds order a listed text, as settings.LIST_ORDER says."""
    if settings.LIST_ORDER == "released":
        return released_at
    # Years before the first can't be converted to another zone.
    return max(publication_moment(record, released_at), _EARLIEST)
