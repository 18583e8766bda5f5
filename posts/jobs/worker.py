"""A worker process: runs jobs, urgent ones in a lane of their own, and watches for periodic jobs and dead workers."""

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

from django.conf import settings
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection, connections
from django.db.models.functions import Now
from django_tasks_db.compat import TASK_MIN_PRIORITY

from posts.db.migration_plan import NeedsPostDeployment, missing_migrations
from posts.db.pooler import WrongPooler, check_way_to_database
from posts.jobs import control
from posts.jobs.followers import EVERY_SECONDS, wanted_followers
from posts.jobs.registry import HELPER, URGENT
from posts.jobs.runs import Claim, claim_next, due_runs, perform, reap, tick
from posts.models import JobWorker
from posts.outages import AWAY, first_line, outage_of

logger = logging.getLogger("posts.jobs")

POLL_SECONDS = 1
TICK_SECONDS = 5
BEAT_SECONDS = 5
# A job that has run so long goes behind the others that wait.
TURN_SECONDS = 300
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


class Lane:
    """Runs jobs one after the other, in one thread."""

    def __init__(self, name: str, *, from_priority: int, has_ended: threading.Event) -> None:
        self.name = name
        self.from_priority = from_priority
        self.has_ended = has_ended
        self._claim: Claim | None = None
        self._began = 0.0
        self._must_end = False
        self._settle: Callable[[], bool] | None = None

    def step(self) -> bool:
        """Settle what is unsettled, then run one job. Return whether there was a job."""
        self._say_how_it_ended()
        claim = claim_next(self.name, from_priority=self.from_priority)
        if claim is None:
            return False
        self._claim, self._began, self._must_end = claim, time.monotonic(), False
        try:
            self._settle = perform(claim, should_stop=self._should_stop)
        finally:
            self._claim = None
            # Close the connection whatever the job did to it.
            connections.close_all()
        self._say_how_it_ended()
        return True

    def renew(self) -> None:
        """Renew the lease of the current run, and end it if it is lost or has had its turn. For another thread."""
        claim = self._claim
        if claim is None or self._must_end:
            return
        must_end = not claim.renew()
        # A helper leaves its worker to others at once: the run that it helps goes on.
        turn = 0 if claim.run.key.startswith(HELPER) else TURN_SECONDS
        if not must_end and time.monotonic() - self._began > turn:
            must_end = due_runs(from_priority=self.from_priority).order_by().exists()
        if must_end and self._claim is claim:
            self._must_end = True

    def loop(self, step: Callable[[], bool], *, until_idle: bool = False) -> None:
        """Repeat `step` until the worker ends, or with `until_idle` until it returns False; outlive an outage."""
        misses = 0
        while not self.has_ended.is_set():
            try:
                is_busy = step()
            except (OperationalError, InterfaceError, InternalError) as error:
                connections.close_all()
                if not misses:
                    what = (outage_of(error) or AWAY).log
                    logger.warning("%s, trying again until it works: %s", what, first_line(error))
                misses += 1
                self.has_ended.wait(min(0.25 * 2**misses, 3))
                continue
            if misses:
                logger.info("the database is back")
                misses = 0
            if is_busy:
                continue
            if until_idle:
                return
            self.has_ended.wait(POLL_SECONDS)

    def _say_how_it_ended(self) -> None:
        if self._settle:
            self._settle()
        self._settle = None

    def _should_stop(self) -> bool:
        return self.has_ended.is_set() or self._must_end


class Worker:
    """Runs jobs in this process until it is told to stop: any job in its main thread, urgent ones also in another."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"[-100:]
        self._has_ended = threading.Event()
        self._lane = Lane(self.name, from_priority=TASK_MIN_PRIORITY, has_ended=self._has_ended)
        self._urgent_lane = Lane(self.name, from_priority=URGENT, has_ended=self._has_ended)
        self._is_prepared = False
        self._next_tick = 0.0

    def listen_to_signals(self) -> None:
        """Stop soon at the first SIGTERM or SIGINT, and at once at the second."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_alarm)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01 if self._has_ended.is_set() else GRACE_SECONDS)
        self._has_ended.set()

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        # Only inside a job's own code: what the worker itself writes is short and must not be interrupted.
        if control.should_stop.get() is not None:
            raise control.CutShort

    def run(self, *, until_idle: bool = False) -> None:
        """Work until a signal, or with `until_idle` until nothing is due. Raises Unready."""
        with only_worker_of_sqlite():
            logger.info("worker started", extra={"worker": self.name})
            threads = [threading.Thread(target=self._beat, name="heartbeat", daemon=True)]
            if not until_idle:
                threads.append(threading.Thread(target=self._run_urgent, name="urgent jobs", daemon=True))
                threads += [
                    threading.Thread(target=self._follow, args=(known.follow,), name=known.name, daemon=True)
                    for known in wanted_followers()
                ]
            for thread in threads:
                thread.start()
            try:
                self._lane.loop(self._step, until_idle=until_idle)
            finally:
                self._has_ended.set()
                for thread in threads:
                    thread.join(GRACE_SECONDS)
                with contextlib.suppress(DatabaseError):
                    JobWorker.objects.filter(name=self.name).delete()
                connections.close_all()
            logger.info("worker ended", extra={"worker": self.name})

    def _step(self) -> bool:
        if not self._is_prepared:
            self._prepare()
        if time.monotonic() >= self._next_tick:
            reap()
            tick()
            self._next_tick = time.monotonic() + TICK_SECONDS
        return self._lane.step()

    def _prepare(self) -> None:
        try:
            check_way_to_database(settings.DATABASES["default"], pooler="")
            missing = missing_migrations(connection)
        except (WrongPooler, NeedsPostDeployment) as error:
            raise Unready(str(error)) from None
        if missing:
            raise Unready("The database is not up to date. First run: manage.py migrate")
        JobWorker.objects.get_or_create(name=self.name)
        if connection.vendor == "sqlite":
            # We hold the only place, so nobody else can be running.
            reap(everything=True)
        self._is_prepared = True

    def _run_urgent(self) -> None:
        """Run urgent jobs in a thread of their own, also while the main thread is busy."""
        try:
            self._urgent_lane.loop(self._urgent_step)
        finally:
            connections.close_all()

    def _urgent_step(self) -> bool:
        # Before that, the main thread may find that the schema is not complete, or give back what was left running.
        return self._is_prepared and self._urgent_lane.step()

    def _follow(self, follow: Callable[[], None]) -> None:
        """Call a follower again and again, in a thread of its own."""
        try:
            while not self._has_ended.wait(EVERY_SECONDS):
                try:
                    if self._is_prepared:
                        follow()
                except DatabaseError:
                    # The main thread has the same problem and reports it.
                    connection.close()
        finally:
            connections.close_all()

    def _beat(self) -> None:
        """Report this worker alive, renew leases and request periodic jobs, in a thread of its own."""
        try:
            while not self._has_ended.wait(BEAT_SECONDS):
                try:
                    JobWorker.objects.filter(name=self.name).update(seen_at=Now())
                    for lane in (self._lane, self._urgent_lane):
                        lane.renew()
                    if self._is_prepared:
                        tick()
                except DatabaseError:
                    # The main thread has the same problem and reports it; the lease lasts longer.
                    connection.close()
        finally:
            connections.close_all()
