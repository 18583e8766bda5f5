"""A worker process: runs jobs one after the other, and watches for periodic jobs and dead workers."""

import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection, connections
from django.db.models.functions import Now

from posts.jobs import control
from posts.jobs.runs import Claim, claim_next, perform, reap, tick
from posts.models import Job, JobWorker
from posts.outages import AWAY, first_line, outage_of

logger = logging.getLogger("posts.jobs")

POLL_SECONDS = 1
TICK_SECONDS = 5
BEAT_SECONDS = 5
# A job that neither ends nor asks whether to stop is interrupted so long after the signal.
GRACE_SECONDS = 10


class Unready(Exception):
    """The worker can't start, for a reason that a person has to fix."""


class WorkerRunsAlready(Unready):
    """SQLite supports one worker; a second one would only wait."""


@contextlib.contextmanager
def only_worker_of_sqlite() -> Iterator[None]:
    """Hold the only place for a worker of a SQLite file; on PostgreSQL do nothing."""
    if connection.vendor != "sqlite":
        yield
        return
    path = f"{connection.settings_dict['NAME']}-worker"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # The system releases it when the process ends.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkerRunsAlready("Another worker already serves this SQLite database. Only one can.") from None
    else:
        yield
    finally:
        os.close(handle)


class Worker:
    """Runs jobs in this process, in its main thread, until it is told to stop."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"[-100:]
        self.is_stopping = False
        self._claim: Claim | None = None
        self._has_lost_claim = False
        self._is_prepared = False
        self._settle: Callable[[], bool] | None = None
        self._next_tick = 0.0
        self._ended = threading.Event()

    def listen_to_signals(self) -> None:
        """Stop soon at the first SIGTERM or SIGINT, and at once at the second."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_alarm)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01 if self.is_stopping else GRACE_SECONDS)
        self.is_stopping = True

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        # Only inside a job's own code: what the worker itself writes is short and must not be interrupted.
        if control.should_stop.get() is not None:
            raise control.CutShort

    def run(self, *, until_idle: bool = False) -> None:
        """Work until a signal, or with `until_idle` until nothing is due. Raises Unready."""
        with only_worker_of_sqlite():
            logger.info("worker started", extra={"worker": self.name})
            beat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            beat.start()
            try:
                self._loop(until_idle)
            finally:
                self._ended.set()
                beat.join()
                with contextlib.suppress(DatabaseError):
                    JobWorker.objects.filter(name=self.name).delete()
                connections.close_all()
            logger.info("worker ended", extra={"worker": self.name})

    def _loop(self, until_idle: bool) -> None:
        misses = 0
        while not self.is_stopping:
            try:
                is_busy = self.step()
            except (OperationalError, InterfaceError, InternalError) as error:
                connections.close_all()
                if not misses:
                    what = (outage_of(error) or AWAY).log
                    logger.warning("%s, trying again until it works: %s", what, first_line(error))
                misses += 1
                time.sleep(min(0.25 * 2**misses, 3))
                continue
            if misses:
                logger.info("the database is back")
                misses = 0
            if is_busy:
                continue
            if until_idle:
                return
            time.sleep(POLL_SECONDS)

    def step(self) -> bool:
        """Settle what is unsettled, check the clock, run one job. Return whether there was a job."""
        if not self._is_prepared:
            self._prepare()
        self._say_how_it_ended()
        if time.monotonic() >= self._next_tick:
            reap()
            tick()
            self._next_tick = time.monotonic() + TICK_SECONDS
        claim = claim_next(self.name)
        if claim is None:
            return False
        self._claim, self._has_lost_claim = claim, False
        try:
            self._settle = perform(claim, should_stop=self._should_stop)
        finally:
            self._claim = None
            # Close the connection whatever the job did to it.
            connections.close_all()
        self._say_how_it_ended()
        return True

    def _prepare(self) -> None:
        if Job._meta.db_table not in connection.introspection.table_names():
            raise Unready("The database is not up to date. First run: manage.py migrate")
        JobWorker.objects.get_or_create(name=self.name)
        if connection.vendor == "sqlite":
            # We hold the only place, so nobody else can be running.
            reap(everything=True)
        self._is_prepared = True

    def _say_how_it_ended(self) -> None:
        if self._settle:
            self._settle()
        self._settle = None

    def _should_stop(self) -> bool:
        return self.is_stopping or self._has_lost_claim

    def _beat(self) -> None:
        """Renew the lease of the current run and report this worker alive, in a thread of its own."""
        try:
            while not self._ended.wait(BEAT_SECONDS):
                claim = self._claim
                try:
                    if claim and not claim.renew() and self._claim is claim:
                        self._has_lost_claim = True
                    JobWorker.objects.filter(name=self.name).update(seen_at=Now())
                except DatabaseError:
                    # The main thread has the same problem and reports it; the lease lasts longer.
                    connection.close()
        finally:
            connections.close_all()
