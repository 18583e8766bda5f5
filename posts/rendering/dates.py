"""Dates in the site's time zone."""

from datetime import datetime

from django.utils import timezone


def in_site_zone(moment):
    """An aware moment in the site's zone. A page says twenty of them, and Django's localtime() looks each time whether
    the thread has a zone of its own, which none has."""
    return moment.astimezone(timezone.get_default_timezone())


def day(moment):
    """A moment as a day in the site's zone, or a date: 18 May 2026; nothing for None."""
    if not moment:
        return ""
    if isinstance(moment, datetime):
        moment = in_site_zone(moment)
    return f"{moment.day} {moment:%B %Y}"
