"""What this process knows about an outage of the database, so that requests don't all wait for it."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

import psycopg

logger = logging.getLogger("alphanode.database")

# How long a request waits for a connection, through a short restart. Then the database counts as away.
WAIT_SECONDS = 3.0
# At most so many requests wait for the same database: the other threads answer what needs none, such as /healthz.
MOST_WAITING = 2
# During an outage one request in so many seconds tries the database, briefly; all others are refused at once.
TRY_AGAIN_SECONDS = 1.0
TRY_SECONDS = 1.0


class DatabaseAway(psycopg.OperationalError):
    """The database is known to be away. The log already says so."""

    is_logged = True

    def __init__(self) -> None:
        super().__init__("the database can't be reached")


class Outage:
    """Whether the database can't be reached. clock() returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_tried = False
        self._try_after: float | None = None  # None: not known to be away
        self.reason = ""  # why the last attempt to connect failed

    @property
    def is_known(self) -> bool:
        """Whether the database is known to be away."""
        return self._try_after is not None

    def seconds_to_wait(self) -> float:
        """Return the seconds for which the caller may try to connect.

        The caller then calls `came_back` or `went_away`. Raises DatabaseAway if another caller is trying or has just
        tried.
        """
        with self._lock:
            if self._try_after is None:
                return WAIT_SECONDS
            if self._is_tried or self._clock() < self._try_after:
                raise DatabaseAway
            self._is_tried = True
            return TRY_SECONDS

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold a place among those that wait after a first failed attempt; DatabaseAway if enough others wait."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise DatabaseAway
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def went_away(self, reason: str) -> None:
        """Refuse requests at once from now on, except one that tries from time to time."""
        with self._lock:
            is_news = self._try_after is None
            self._try_after, self._is_tried = self._clock() + TRY_AGAIN_SECONDS, False
        if is_news:
            logger.warning(
                "The database can't be reached (%s). Pages that need it answer 503 until it is back.", reason
            )

    def came_back(self) -> None:
        """Note that the database answered."""
        if self._try_after is None:
            return
        with self._lock:
            is_news, self._try_after, self._is_tried = self._try_after is not None, None, False
        if is_news:
            logger.info("The database is back.")


outage = Outage()
