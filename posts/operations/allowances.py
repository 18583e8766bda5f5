"""How often something may be done in a day, counted in the database: all processes see the same number."""

import datetime
import hashlib
import hmac
import ipaddress

from django.conf import settings
from django.db.models import F

from posts.models import ReportTally


def network_of(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or the first 64 bits of an IPv6 address.

    Returns "" for text that is not an address.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped:
        return str(mapped)
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False)) if parsed.version == 6 else str(parsed)


def key_of(day: datetime.date, what: str) -> str:
    """Return the key under which something is counted on a day: a keyed hash, which leads to nobody."""
    return secret_digest(f"report {day} {what}")


def secret_digest(what: str) -> str:
    """Return a digest of `what` that only somebody with the key of the site can make."""
    return hmac.new(settings.SECRET_KEY.encode(), what.encode(), hashlib.sha256).hexdigest()


def use_one(what: str, allowance: int, *, now: datetime.datetime) -> int:
    """Use one of today's allowance of `what`; return 0, or if it is used up, in how many seconds there is a new one."""
    day = now.astimezone(datetime.UTC).date()
    ReportTally.objects.filter(day__lt=day).delete()
    key = key_of(day, what)
    ReportTally.objects.bulk_create([ReportTally(day=day, key=key)], ignore_conflicts=True)
    if ReportTally.objects.filter(day=day, key=key, count__lt=allowance).update(count=F("count") + 1):
        return 0
    midnight = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
    return max(1, round((midnight - now).total_seconds()))
