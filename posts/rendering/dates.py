"""Dates in the site's time zone."""

from datetime import date, datetime

from django.utils import timezone


def in_site_zone(moment: datetime) -> datetime:
    """Return an aware datetime in the site's time zone.

    Django's localtime() looks for a time zone of the thread each time; no thread here has one, and a page has twenty
    dates.
    """
    return moment.astimezone(timezone.get_default_timezone())


def day(moment: datetime | date | None) -> str:
    """Return a datetime in the site's zone, or a date, as "18 May 2026"; "" for None."""
    if not moment:
        return ""
    if isinstance(moment, datetime):
        moment = in_site_zone(moment)
    return f"{moment.day} {moment:%B %Y}"
