"""Slows the guessing of passwords, and shuts nobody out for good.

A try is counted as failed before it is made, so that tries at the same moment can't all pass. If it succeeds, it is
taken back. After some free tries each one has to wait, twice as long as the one before. Who signed in on a device has a
cookie there: its tries are counted apart, so that a stranger's tries never delay the owner there.
OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import datetime
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import signing
from django.db.models import F
from django.utils import timezone

from posts.errors import Refused
from posts.models import SignInTally
from posts.operations.allowances import network_of
from posts.operations.frame import note, operation

FIRST_WAIT = datetime.timedelta(seconds=2)
# Failed tries are forgotten after this time without one.
KEPT_FOR = datetime.timedelta(days=1)
# Failed tries within this time of one another are one burst, with one entry in the audit trail.
BURST_ENDS_AFTER = datetime.timedelta(hours=1)
# Where a sign-in failed that had the right password.
SECOND_STEP = "second factor"
DEVICE_KEPT_FOR = datetime.timedelta(days=180)
DEVICE_COOKIE = "__Secure-device" if settings.SESSION_COOKIE_SECURE else "device"


@dataclass(frozen=True)
class Limit:
    """How many tries are free, and how long the longest wait is."""

    free: int
    longest: datetime.timedelta


QUARTER_HOUR = datetime.timedelta(minutes=15)
# From one address for one account; for one account from anywhere; from one address for any account.
PAIR = Limit(5, QUARTER_HOUR)
ACCOUNT = Limit(20, datetime.timedelta(seconds=30))
ADDRESS = Limit(20, QUARTER_HOUR)
DEVICE = Limit(5, QUARTER_HOUR)
CODE = Limit(5, QUARTER_HOUR)


class Attempt:
    """A try that may be made.

    failures: how many before it failed where it is counted. shared: the key of the tries of everybody whose device is
    not known.
    """

    def __init__(self, keys: Mapping[str, str], failures: int, *, shared: str) -> None:
        self.keys = keys
        self.failures = failures
        self.shared = shared


class MustWait(Refused):
    """Too many tries failed. `seconds`: how long no other one counts."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        wait = f"{seconds} second{'' if seconds == 1 else 's'}" if seconds < 120 else f"{round(seconds / 60)} minutes"
        super().__init__(f"Too many tries failed. Wait {wait}, then try again.")


def begin_sign_in(name: str, *, address: str, device: str = "", now: datetime.datetime | None = None) -> Attempt:
    """Count a try to sign in; return the Attempt, or raise MustWait.

    address: of the request, or "" if unknown. device: the cookie of a device on which somebody signed in before. The
    name is of any account or of none: both are treated alike.
    """
    account = _normal(name)
    shared = f"account {account}"
    if device and _is_device_of(device, account):
        return _begin({"account": (f"device {device}", DEVICE)}, shared=shared, now=now)
    limits = {"account": (shared, ACCOUNT)}
    if network := network_of(address):
        limits["pair"] = (f"account {account} from {network}", PAIR)
        limits["address"] = (f"address {network}", ADDRESS)
    return _begin(limits, shared=shared, now=now)


def begin_code(user: User, *, device: str = "", now: datetime.datetime | None = None) -> Attempt:
    """Count a try to enter a code or the password again as `user`; return the Attempt, or raise MustWait.

    device: as in begin_sign_in(). A stranger who knows the password can't keep the owner from the second step there.
    """
    shared = f"code of {user.pk}"
    is_known = device and _is_device_of(device, _normal(user.get_username()))
    return _begin({"account": (f"{shared} on device {device}" if is_known else shared, CODE)}, shared=shared, now=now)


@operation
def _begin(limits: Mapping[str, tuple[str, Limit]], *, shared: str, now: datetime.datetime | None) -> Attempt:
    now = now or timezone.now()
    keys = {kind: _key(what) for kind, (what, _) in limits.items()}
    SignInTally.objects.bulk_create([SignInTally(key=key, last_at=now) for key in keys.values()], ignore_conflicts=True)
    # In one order, so that two tries wait for each other and not both.
    tallies = {
        row.key: row for row in SignInTally.objects.filter(key__in=keys.values()).order_by("key").select_for_update()
    }
    # A wait beyond the longest one is left from a clock that was ahead. It would shut the owner out until then.
    ends = ((tallies[key].wait_until, now + limits[kind][1].longest) for kind, key in keys.items())
    if waits := [end for end, latest in ends if end and now < end <= latest]:
        raise MustWait(max(1, round((max(waits) - now).total_seconds())))
    before = 0
    for kind, key in keys.items():
        tally, limit = tallies[key], limits[kind][1]
        if now - tally.last_at > KEPT_FOR:
            tally.failures = 0
        if kind == "account":
            before = tally.failures
        tally.failures += 1
        tally.last_at = now
        beyond = tally.failures - limit.free
        tally.wait_until = now + min(FIRST_WAIT * 2 ** min(beyond, 20), limit.longest) if beyond >= 0 else None
    SignInTally.objects.bulk_update(tallies.values(), ["failures", "last_at", "wait_until"])
    return Attempt(keys, before, shared=_key(shared))


@operation
def note_success(attempt: Attempt, user: User) -> int:
    """Forget the failed tries for an account; return how many there were. Of those from the address, take one back.

    Of the two steps of a sign-in only the one that succeeded is meant.
    """
    own = {attempt.shared, *(key for kind, key in attempt.keys.items() if kind != "address")}
    strangers = SignInTally.objects.filter(key=attempt.shared).exclude(key=attempt.keys["account"])
    failed = strangers.values_list("failures", flat=True)
    failures = attempt.failures + sum(failed)
    bursts = {_key(f"burst of {user.pk} {step}") for step in ("", SECOND_STEP)}
    SignInTally.objects.filter(key__in=own | bursts).delete()
    if address := attempt.keys.get("address"):
        free = {"failures": F("failures") - 1, "wait_until": None}
        SignInTally.objects.filter(key=address, failures__gt=0).update(**free)
    return failures


@operation
def note_failure(name: str, *, step: str = "", now: datetime.datetime | None = None) -> None:
    """Record a failed sign-in in the audit trail, once for a burst.

    The name is kept only if such an account exists: people mistype passwords there. All others are one burst, so that
    nobody fills the trail. Either way the same statements run. step: at which the sign-in failed, after the password.
    """
    now = now or timezone.now()
    field = get_user_model().USERNAME_FIELD
    account = get_user_model().objects.filter(**{field: name.replace("\x00", "")}).first()
    is_known = account is not None and "\x00" not in name
    burst = f"burst of {account.pk} {step}" if account and is_known else "burst of unknown accounts"
    if _begins_burst(burst, now):
        detail = f"account {account}, {step}" if step else f"account {account}"
        note("sign-in failed", by=None, detail=detail if is_known else "unknown account")


def _begins_burst(what: str, now: datetime.datetime) -> bool:
    key = _key(what)
    known = SignInTally.objects.select_for_update().filter(key=key).first()
    if known is None:
        made = SignInTally(key=key, last_at=now, failures=1)
        SignInTally.objects.bulk_create([made], ignore_conflicts=True)
        return True
    SignInTally.objects.filter(pk=known.pk).update(last_at=now)
    return now - known.last_at > BURST_ENDS_AFTER


def device_cookie(user: User) -> str:
    """Return a cookie that says that this person signed in on the device."""
    return signing.dumps(_normal(user.get_username()), salt="device")


def _is_device_of(cookie: str, account: str) -> bool:
    try:
        return bool(signing.loads(cookie, salt="device", max_age=DEVICE_KEPT_FOR) == account)
    except signing.BadSignature:
        return False


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _key(what: str) -> str:
    text = f"sign-in {what}".encode("utf-8", "replace")
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def forget_tries_of(user: User) -> None:
    """Delete what is counted for an account."""
    keys = [_key(f"burst of {user.pk} {step}") for step in ("", SECOND_STEP)]
    keys += [_key(f"code of {user.pk}"), _key(f"account {_normal(user.get_username())}")]
    SignInTally.objects.filter(key__in=keys).delete()


def forget_old_tries(now: datetime.datetime) -> None:
    """Delete what counts no longer."""
    SignInTally.objects.filter(last_at__lt=now - KEPT_FOR).delete()
