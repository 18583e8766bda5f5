"""What this process knows of a database that is away, so that its requests don't all wait for it one by one."""

import contextlib
import logging
import threading
import time

import psycopg

logger = logging.getLogger("alphanode.database")

# So long a request waits for a connection: through a short restart. Then the database counts as away.
WAIT_SECONDS = 3.0
# More requests than these don't wait for the same database: the other threads answer what needs none, /healthz first.
MOST_WAITING = 2
# While it is away one request in so many seconds tries it, for so long; all others are refused at once.
TRY_AGAIN_SECONDS = 1.0
TRY_SECONDS = 1.0


class DatabaseAway(psycopg.OperationalError):
    """The database is known to be away, and the log says so already; nobody waited to find out."""

    is_logged = True

    def __init__(self):
        super().__init__("the database can't be reached")


class Outage:
    """Whether the database can't be reached. clock() → seconds."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_tried = False
        self._try_after = None  # None: it is there, as far as anybody knows
        self.reason = ""  # why the last try to connect failed

    def seconds_to_wait(self):
        """How long the caller may try to connect, after which it says `came_back` or `went_away`; raises DatabaseAway
        where another one tries, or tried a moment ago."""
        with self._lock:
            if self._try_after is None:
                return WAIT_SECONDS
            if self._is_tried or self._clock() < self._try_after:
                raise DatabaseAway
            self._is_tried = True
            return TRY_SECONDS

    @contextlib.contextmanager
    def waiting(self):
        """For what goes on when the first moment brought no connection; raises DatabaseAway where enough others
        wait."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise DatabaseAway
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def went_away(self, reason):
        """From now on requests are refused at once, but for one in a while."""
        with self._lock:
            is_news = self._try_after is None
            self._try_after, self._is_tried = self._clock() + TRY_AGAIN_SECONDS, False
        if is_news:
            logger.warning(
                "The database can't be reached (%s). Pages that need it answer 503 until it is back.", reason
            )

    def came_back(self):
        """The database answered."""
        if self._try_after is None:
            return
        with self._lock:
            is_news, self._try_after, self._is_tried = self._try_after is not None, None, False
        if is_news:
            logger.info("The database is back.")


outage = Outage()
