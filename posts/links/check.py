"""Checks the links that are due: which one next, what its answer means over time, and when it is asked again.

Hosts wait in one index by the time of their next check, and the addresses of a host in another. So each step costs the
same with a thousand links as with ten million, and no host keeps the others waiting.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.robotparser import RobotFileParser

from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.links.probe import ROBOT, Asked, Found, probe, read_robots, rules_of
from posts.models import LinkAddress, LinkCheck, LinkHost
from posts.retention import kept

logger = logging.getLogger("posts.links")

State = LinkAddress.State
# So many hosts are asked at once, each by one request at a time.
WIDTH = 8
# Between two requests to one host. A robots.txt can ask for more.
PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
# While a worker checks an address of a host, no other one asks that host. A killed worker has lost it after this time.
LEASE = timedelta(minutes=3)
# How long one run may take: other jobs wait too. The next run continues.
RUN = timedelta(seconds=20)
ROBOTS_KEPT = timedelta(days=1)
# How long a host without a readable robots.txt, or one that asks for it, is left alone.
HOST_RESTS = timedelta(hours=1)
LONGEST_REST = timedelta(days=7)
AGAIN = timedelta(days=30)
AGAIN_AFTER_FAILURE = timedelta(days=1)
# A link is dead after so many failed checks in a row, over at least so long. A host that says “gone” is believed sooner
# than one that says nothing; neither is believed once.
DEAD_IF_GONE = 2, timedelta(hours=20)
DEAD_IF_AWAY = 4, timedelta(days=3)
# At most so many lines of the history stay for each address.
HISTORY_LINES = 20
CHUNK = 500


@dataclass
class _Turn:
    """One check: an address, the rules of its host, and what was found."""

    address: LinkAddress
    robots: str
    robots_are_new: bool = False
    found: Found | None = None
    pause: timedelta = PAUSE


def check_due_links(
    *, pause: timedelta = PAUSE, run: timedelta = RUN, on_checkpoint: Callable[[], object] = lambda: None
) -> int:
    """Check addresses that are due until none is, or the time of a run is over; return how many.

    pause: between two requests to one host. on_checkpoint: called between sets, may raise; what was asked is stored.
    """
    ends_at, count = timezone.now() + run, 0
    with ThreadPoolExecutor(max_workers=WIDTH, thread_name_prefix="links") as threads:
        while timezone.now() < ends_at:
            turns = _take(pause)
            if not turns:
                if not _is_due_within(pause, ends_at):
                    break
                time.sleep(pause.total_seconds())
                continue
            # The threads ask other machines alone; the database is read and written here.
            list(threads.map(_ask, turns))
            _store(turns)
            count += len(turns)
            on_checkpoint()
    return count


def _is_due_within(pause: timedelta, ends_at: datetime) -> bool:
    """Return whether a host is only in its pause."""
    soon = min(timezone.now() + pause, ends_at)
    return pause > timedelta() and LinkHost.objects.filter(due_at__lte=soon).exists()


def _take(pause: timedelta) -> list[_Turn]:
    """Return the next address of each due host, which no other worker takes for the time of a lease."""
    now, turns = timezone.now(), []
    with transaction.atomic():
        due = LinkHost.objects.filter(due_at__lte=now).order_by("due_at", "pk")
        hosts = list(due.select_for_update(skip_locked=True)[:WIDTH])
        for host in hosts:
            address = host.addresses.filter(due_at__isnull=False).order_by("due_at").first()
            if address is None or address.due_at is None:
                host.due_at = None
            elif address.due_at > now:
                host.due_at = address.due_at
            else:
                host.due_at = host.rests_until = now + LEASE
                is_old = host.robots_read_at is None or host.robots_read_at < now - ROBOTS_KEPT
                address.host = host
                turns.append(_Turn(address, host.robots, robots_are_new=is_old, pause=pause))
        LinkHost.objects.bulk_update(hosts, ["due_at", "rests_until"])
    return turns


def _ask(turn: _Turn) -> None:
    """Find out what the address of a turn answers; called in a thread of its own. Without an answer it is put off."""
    try:
        turn.found = _answer(turn)
    except Exception:
        # One address that breaks the check must not keep the others from theirs.
        logger.exception("The link %s was not checked.", turn.address.address)


def _answer(turn: _Turn) -> Found | None:
    """Ask the robots.txt of a host, if it is old, and then the address; None if the host can't say what it allows."""
    address = turn.address

    def pause() -> None:
        time.sleep(turn.pause.total_seconds())

    if turn.robots_are_new:
        robots = read_robots(address.address)
        if robots is None:
            turn.robots_are_new = False
            return None
        turn.robots = robots
        pause()
    rules = rules_of(turn.robots)
    turn.pause = _pause_of(rules, turn.pause)
    if not rules.can_fetch(ROBOT, address.address):
        return Found(State.ROBOTS, detail="The robots.txt of its host asks programs to stay away.")
    return probe(Asked(address.address, address.state, address.etag, address.last_modified), pause=pause)


def _pause_of(rules: RobotFileParser, pause: timedelta) -> timedelta:
    asked = rules.crawl_delay(ROBOT)
    return min(max(pause, timedelta(seconds=float(asked))), LONGEST_PAUSE) if asked else pause


@transaction.atomic
def _store(turns: Sequence[_Turn]) -> None:
    """Write what a set of checks found."""
    now = timezone.now()
    for turn in turns:
        if turn.found:
            _conclude(turn.address, turn.found, now)
        else:
            turn.address.due_at = now + AGAIN_AFTER_FAILURE
    addresses = [turn.address for turn in turns]
    LinkAddress.objects.bulk_update(
        addresses,
        ["state", "status", "detail", "new_address", "etag", "last_modified", "checked_at", "due_at", "failures",
         "failing_since", "died_at", "is_told"],
    )  # fmt: skip
    _note([turn.address for turn in turns if turn.found], now)
    due = LinkAddress.objects.filter(host__in=[address.host_id for address in addresses], due_at__isnull=False)
    next_at = dict(due.order_by().values_list("host_id").annotate(Min("due_at")))
    for turn in turns:
        host = turn.address.host
        rest = max(turn.pause, min(turn.found.wait or timedelta(), LONGEST_REST) if turn.found else HOST_RESTS)
        host.rests_until = now + rest
        host.due_at = max(host.rests_until, next_at[host.pk]) if host.pk in next_at else None
        if turn.robots_are_new:
            host.robots, host.robots_read_at = turn.robots, now
    LinkHost.objects.bulk_update(
        [turn.address.host for turn in turns], ["due_at", "rests_until", "robots", "robots_read_at"]
    )


def _conclude(address: LinkAddress, found: Found, now: datetime) -> None:
    """Set in `address` what a check found, what that means after those before, and when the next one is due."""
    was_dead = address.died_at is not None
    if found.is_unchanged:
        found = Found(
            address.state,
            address.status,
            address.detail,
            address.new_address,
            address.etag,
            address.last_modified,
        )
    address.state, address.status, address.detail = found.state, found.status, found.detail[:200]
    address.new_address, address.etag, address.last_modified = found.new_address, found.etag, found.last_modified
    address.checked_at = now
    if found.state in (State.GONE, State.AWAY):
        address.failures = min(address.failures + 1, 1000)
        address.failing_since = address.failing_since or now
        least, over = DEAD_IF_GONE if found.state == State.GONE else DEAD_IF_AWAY
        if address.failures >= least and now - address.failing_since >= over:
            address.died_at = address.died_at or now
        days = 2 ** min(address.failures - 1, 5)
        address.due_at = now + min(AGAIN_AFTER_FAILURE * days, AGAIN)
    else:
        address.failures, address.failing_since, address.died_at = 0, None, None
        # A host that had no time is asked soon. The others are spread: what one import brought is not due in one hour.
        address.due_at = now + (AGAIN_AFTER_FAILURE if found.wait else AGAIN + timedelta(hours=address.pk % 72))
    if found.wait:
        address.due_at = max(address.due_at, now + min(found.wait, LONGEST_REST))
    if was_dead != (address.died_at is not None):
        address.is_told = False


def _note(addresses: Sequence[LinkAddress], now: datetime) -> None:
    """Add the results to the history: a line of its own only where something changed."""
    newest = {}
    for check in LinkCheck.objects.filter(address__in=addresses).order_by("pk"):
        newest[check.address_id] = check
    same, new = [], []
    for address in addresses:
        last = newest.get(address.pk)
        if last and (last.state, last.status, last.detail) == (address.state, address.status, address.detail):
            last.last_at, last.times = now, last.times + 1
            same.append(last)
        else:
            new.append(
                LinkCheck(
                    address=address, state=address.state, status=address.status, detail=address.detail, first_at=now,
                    last_at=now,
                )
            )  # fmt: skip
    LinkCheck.objects.bulk_update(same, ["last_at", "times"])
    LinkCheck.objects.bulk_create(new)
    for check in new:
        old = LinkCheck.objects.filter(address=check.address_id).order_by("-pk").values_list("pk", flat=True)
        if extra := list(old[HISTORY_LINES : HISTORY_LINES + CHUNK]):
            LinkCheck.objects.filter(pk__in=extra).delete()


def old_checks(now: datetime) -> QuerySet[LinkCheck]:
    """Return old lines of the history."""
    return LinkCheck.objects.filter(last_at__lt=now - kept("link-checks"))


def forget_old_checks(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete old lines of the history; return their number."""
    count = 0
    for ids in in_chunks(old_checks(timezone.now()).values_list("pk", flat=True), size=CHUNK):
        count += LinkCheck.objects.filter(pk__in=ids).delete()[0]
        on_checkpoint()
    return count


def check_again(addresses: QuerySet[LinkAddress]) -> int:
    """Have addresses checked as soon as their hosts may be asked; return their number."""
    now = timezone.now()
    hosts = set(addresses.values_list("host_id", flat=True))
    count = addresses.update(due_at=now)
    LinkHost.objects.filter(pk__in=hosts).wake(now)
    return count
