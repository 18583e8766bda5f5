"""Which of the streaming replicas may answer a request.

The promise that a change shows everywhere within a second holds however far replicas lag. So a replica answers only if
it provably has everything that the primary had at the last look, at most 0.6 seconds ago:

- it has replayed the primary's write-ahead log up to the position of that look;
- it has the newest line of the change log, so that it went the same way: after a promotion, positions of two servers
  mean different things;
- it still follows: a promoted one is a server of its own.

Otherwise another replica answers, or the primary. A whole request reads from one server, so that a page never mixes two
states. A replica that stops, lags or is promoted leaves and returns by itself.
"""

import contextlib
import contextvars
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error, connection, connections

logger = logging.getLogger("alphanode.database")

# As the page cache looks (posts.page_cache.freshness): a mark is good for a little longer than until the next look.
LOOK_AGAIN_SECONDS = 0.3
GOOD_FOR_SECONDS = 0.6
# A replica that is behind is asked again so soon; one that can't be reached later and later.
ASK_AGAIN_SECONDS = 0.05
LONGEST_REST_SECONDS = 15.0
# The log names a replica that has been behind for so long.
LAG_SECONDS = 10.0
ANSWER_SECONDS = 0.5

_MARK = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END - '0/0',
    newest.id, newest.position, md5(newest.keys)
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT id, position, keys FROM posts_pagechange ORDER BY position DESC, id DESC LIMIT 1
) newest ON true
"""
_STATE = """
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() - '0/0', %(id)s::bigint IS NULL OR EXISTS (
    SELECT FROM posts_pagechange WHERE id = %(id)s AND position = %(position)s AND md5(keys) = %(digest)s)
"""


@dataclass(frozen=True)
class Mark:
    """What the primary had at a look: the position in its write-ahead log, and the newest line of the change log."""

    lsn: int
    newest: tuple[int | None, int | None, str | None]


@dataclass
class Replica:
    """A replica, and what this process knows of it."""

    alias: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    fresh_for: Mark | None = None
    asked_at: float = float("-inf")
    ask_after: float = float("-inf")
    behind_since: float | None = None
    misses: int = 0
    trouble: str = ""  # what the log said of it


class Replicas:
    """The replicas of this site. ask(alias, mark) returns what _STATE finds; look() returns the Mark of the primary."""

    def __init__(
        self,
        aliases: list[str],
        *,
        look: Callable[[], Mark],
        ask: Callable[[str, Mark], tuple[bool, int, bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replicas = [Replica(alias) for alias in aliases]
        self._look, self._ask, self._clock = look, ask, clock
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._looked_at = float("-inf")
        self._turns = itertools.count()

    def look(self) -> None:
        """Learn what the primary has now. Call it after the change log was read: the mark is then the later one."""
        asked_at = self._clock()
        mark = self._look()
        if mark != self._mark:
            self._mark = mark
        self._looked_at = asked_at

    def choose(self) -> str | None:
        """Return the alias of a replica that is provably fresh; None: the primary."""
        if (mark := self._current()) is None:
            return None
        first = next(self._turns)
        for number in range(len(self._replicas)):
            replica = self._replicas[(first + number) % len(self._replicas)]
            if self._is_fresh(replica, mark):
                return replica.alias
        return None

    def leave(self, alias: str, reason: str) -> None:
        """Use a replica no more until it answers again."""
        for replica in self._replicas:
            if replica.alias == alias:
                self._rest(replica, reason)

    def _current(self) -> Mark | None:
        if self._clock() - self._looked_at >= LOOK_AGAIN_SECONDS and self._lock.acquire(blocking=False):
            try:
                self.look()
            except Error:
                return None
            finally:
                self._lock.release()
        return self._mark if self._clock() - self._looked_at < GOOD_FOR_SECONDS else None

    def _is_fresh(self, replica: Replica, mark: Mark) -> bool:
        now = self._clock()
        is_known = replica.fresh_for is mark and now - replica.asked_at < GOOD_FOR_SECONDS
        is_due = now >= replica.ask_after and not (is_known and now - replica.asked_at < LOOK_AGAIN_SECONDS)
        if is_due and replica.lock.acquire(blocking=False):
            try:
                self._learn(replica, mark)
            finally:
                replica.lock.release()
        return replica.fresh_for is mark and self._clock() - replica.asked_at < GOOD_FOR_SECONDS

    def _learn(self, replica: Replica, mark: Mark) -> None:
        import psycopg  # a site without replicas may do without

        asked_at = self._clock()
        try:
            follows, replayed, has_newest = self._ask(replica.alias, mark)
        except (Error, psycopg.Error) as error:
            self._rest(replica, str(error).strip().partition("\n")[0])
            return
        replica.misses = 0
        if not follows:
            self._rest(replica, "it was promoted, or is no replica")
        elif replayed >= mark.lsn and has_newest:
            replica.fresh_for, replica.asked_at, replica.behind_since = mark, asked_at, None
            replica.ask_after = asked_at
            self._say(replica, "")
        else:
            replica.fresh_for, replica.ask_after = None, asked_at + ASK_AGAIN_SECONDS
            since = replica.behind_since = asked_at if replica.behind_since is None else replica.behind_since
            if asked_at - since > LAG_SECONDS:
                self._say(replica, f"it has been behind for more than {LAG_SECONDS:.0f} s")

    def _rest(self, replica: Replica, reason: str) -> None:
        replica.fresh_for = None
        replica.misses += 1
        replica.ask_after = self._clock() + min(2.0 ** (replica.misses - 1), LONGEST_REST_SECONDS)
        self._say(replica, reason)

    def _say(self, replica: Replica, trouble: str) -> None:
        if trouble and not replica.trouble:
            logger.warning("%s answers no requests for now: %s.", replica.alias, trouble)
        elif replica.trouble and not trouble:
            logger.info("%s answers requests again.", replica.alias)
        replica.trouble = trouble


def mark_of_primary() -> Mark:
    """Return the Mark of the default connection."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        lsn, *newest = cursor.fetchone()
    return Mark(int(lsn), tuple(newest))


def state_of(alias: str, mark: Mark) -> tuple[bool, int, bool]:
    """Return of a replica: whether it follows, what it has replayed, whether it has the newest line of a Mark."""
    number, position, digest = mark.newest
    with limited(ANSWER_SECONDS):
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(_STATE, {"id": number, "position": position, "digest": digest})
                follows, replayed, has_newest = cursor.fetchone()
        finally:
            connections[alias].close()
    return follows, int(replayed or 0), has_newest


# When the waiting of this thread for a server must end (time.monotonic()); None: as for any query.
until: contextvars.ContextVar[float | None] = contextvars.ContextVar("until", default=None)
# The alias of the replica that answers the request of this thread.
_chosen: contextvars.ContextVar[str | None] = contextvars.ContextVar("replica", default=None)


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Let everything in the block that waits for a server end after so many seconds."""
    token = until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        until.reset(token)


def chosen() -> str | None:
    """Return the alias of the replica that answers this request; None: the primary."""
    return _chosen.get()


@contextlib.contextmanager
def reading_from(alias: str | None) -> Iterator[None]:
    """Let the default connection, opened in this block, lead to a replica; None: to the primary."""
    token = _chosen.set(alias)
    try:
        yield
    finally:
        _chosen.reset(token)


def aliases() -> list[str]:
    """Return the aliases of replicas among settings.DATABASES."""
    return [alias for alias in settings.DATABASES if alias.startswith("replica")]


_of_site: list[Replicas] = []


def replicas_of_site() -> Replicas | None:
    """Return the Replicas of this process; None if the settings name none."""
    if not _of_site and (found := aliases()):
        _of_site.append(Replicas(found, look=mark_of_primary, ask=state_of))
    return _of_site[0] if _of_site else None


def leave(alias: str, reason: str) -> None:
    """Use a replica no more until it answers again."""
    if (found := replicas_of_site()) is not None:
        found.leave(alias, reason)
