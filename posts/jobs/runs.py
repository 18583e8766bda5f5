"""The life of a run: claimed, run, settled; given back if its worker dies; requested by the clock.

All times are the database's: workers on several machines must agree, and their clocks don't.
"""

import contextlib
import contextvars
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django_tasks_db.compat import TASK_MIN_PRIORITY, TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from posts.jobs import control
from posts.jobs.backend import enqueue_once
from posts.jobs.registry import JobDefinition, definition_of, known_paths, registered_jobs
from posts.logs import job_id
from posts.models import Job, JobRun
from posts.outages import AWAY, READ_ONLY, first_line, outage_of

logger = logging.getLogger("posts.jobs")

# A run that has killed so many workers is not tried again.
MOST_LOSSES = 20
# The key of the runs that tick() requests.
PERIODIC = "every"

T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """The right of one worker to one attempt at one run."""

    run: JobRun
    definition: JobDefinition
    attempt: int

    def held(self) -> "QuerySet[JobRun]":
        """Return the run as a queryset, which is empty once another worker has it."""
        return JobRun.objects.filter(pk=self.run.pk, attempt=self.attempt, leased_until__isnull=False)

    def renew(self) -> bool:
        """Renew the lease; return whether the run is still ours."""
        return bool(self.held().update(leased_until=Now() + self.definition.lease))


def database_now() -> datetime:
    """Return the database's clock, as an aware datetime."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        (now,) = cursor.fetchone()
    # SQLite returns text in UTC; PostgreSQL the start of the transaction, which here is missing or short.
    return datetime.fromisoformat(now).replace(tzinfo=UTC) if isinstance(now, str) else now


def due_runs(*, from_priority: int = TASK_MIN_PRIORITY) -> "QuerySet[DBTaskResult[..., Any]]":
    """Return the queued runs of this priority or a higher one that this process could start now."""
    return DBTaskResult.objects.filter(
        Q(run_after=get_date_max()) | Q(run_after__lte=Now()),
        status=TaskResultStatus.READY,
        task_path__in=known_paths(),
        run__isnull=False,
        priority__gte=from_priority,
    )


def claim_next(worker: str, *, from_priority: int = TASK_MIN_PRIORITY) -> Claim | None:
    """Claim the next due run for `worker`, by priority and age; return a Claim, or None if nothing is due.

    A run of a job that this process doesn't know waits for a worker that does, so that old and new code can work side
    by side during an upgrade.
    """
    due = due_runs(from_priority=from_priority)
    # A lookup without a lock first: on SQLite a claim takes the write lock, which every editor's save needs.
    if not due.order_by().exists():
        return None
    with transaction.atomic():
        task = due.select_for_update(skip_locked=True, of=("self",)).first()
        definition = definition_of(task.task_path) if task else None
        if task is None or definition is None:
            return None
        DBTaskResult.objects.filter(pk=task.pk).update(
            status=TaskResultStatus.RUNNING, started_at=Now(), worker_ids=[*task.worker_ids, worker][-MOST_LOSSES:]
        )
        JobRun.objects.filter(pk=task.pk).update(
            attempt=F("attempt") + 1, worker=worker, leased_until=Now() + definition.lease
        )
        run = JobRun.objects.select_related("task").get(pk=task.pk)
    return Claim(run, definition, run.attempt)


def perform(claim: Claim, *, should_stop: Callable[[], bool] = lambda: False) -> Callable[[], bool]:
    """Run the job of `claim`; return a function that settles the outcome in the database.

    Settling is separate, so that a worker can repeat it if the database is away. should_stop: tells the job whether
    to end early.
    """
    run, extra = claim.run, {"job": claim.definition.name, "attempt": claim.attempt}
    with _set(job_id, str(run.pk)):
        logger.info("job started", extra=extra)
        try:
            with _set(control.should_stop, should_stop):
                claim.definition.task.call(**run.arguments)
        except control.CutShort:
            logger.warning("job cut short; it continues later. It never asked whether to stop", extra=extra)
            return partial(put_back, claim)
        except control.Interrupted:
            logger.info("job stopped at a checkpoint; it continues later", extra=extra)
            return partial(put_back, claim)
        # A command that a job calls may use sys.exit(): this must end the job, not the worker.
        except (Exception, SystemExit) as error:
            if _is_of_database(error):
                logger.warning("job lost the database; it continues later: %s", first_line(error), extra=extra)
                return partial(put_back, claim)
            logger.exception("job failed", extra=extra)
            return partial(settle_failure, claim, words_for(error))
        logger.info("job done", extra=extra)
        return partial(settle_success, claim)


def run_waiting_jobs() -> int:
    """Run everything that is due in this process, without a worker; return the number of runs."""
    count = 0
    while claim := claim_next("no worker"):
        perform(claim)()
        count += 1
    return count


@contextlib.contextmanager
def _set(variable: contextvars.ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _is_of_database(error: BaseException) -> bool:
    """Return whether the database was away, or read-only while another server takes over: the job can't help it."""
    if isinstance(error, OperationalError | InterfaceError) and not _is_connected():
        return True
    return connection.vendor == "postgresql" and outage_of(error) in (AWAY, READ_ONLY)


def _is_connected() -> bool:
    return connection.connection is not None and connection.is_usable()


def words_for(error: BaseException) -> str:
    """Return an error in one line for people, without characters that the database refuses.

    The traceback is in the log.
    """
    line = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
    return line.replace("\0", "").encode(errors="replace").decode()[:500]


@transaction.atomic
def settle_success(claim: Claim) -> bool:
    """Record that the run succeeded. False if another worker has it: that one settles it."""
    if not claim.held().update(finished_at=Now(), leased_until=None, error=""):
        return _lost(claim)
    _queued(claim.run).update(status=TaskResultStatus.SUCCESSFUL, finished_at=Now())
    _row_of(claim.definition.name).update(last_success_at=Now())
    return True


@transaction.atomic
def settle_failure(claim: Claim, words: str) -> bool:
    """Record that the attempt failed, and let it be tried again or end. False as for settle_success()."""
    if not claim.held().update(failures=F("failures") + 1, leased_until=None, error=words):
        return _lost(claim)
    _row_of(claim.definition.name).update(last_failure_at=Now(), last_failure=words)
    failures = JobRun.objects.values_list("failures", flat=True).get(pk=claim.run.pk)
    if failures >= claim.definition.attempts:
        _end(claim.run)
    else:
        delay = claim.definition.delay_after(failures)
        _queued(claim.run).update(status=TaskResultStatus.READY, run_after=Now() + delay)
    return True


@transaction.atomic
def put_back(claim: Claim) -> bool:
    """Let the run wait again behind the others, as if it had not started. False as for settle_success()."""
    if not claim.held().update(leased_until=None, worker=""):
        return _lost(claim)
    _queued(claim.run).update(
        status=TaskResultStatus.READY, run_after=get_date_max(), enqueued_at=Now(), started_at=None
    )
    return True


def _lost(claim: Claim) -> bool:
    logger.warning("the claim on a job was lost: another worker has it now", extra={"job": claim.definition.name})
    return False


def _queued(run: JobRun) -> "QuerySet[DBTaskResult[..., Any]]":
    return DBTaskResult.objects.filter(pk=run.pk)


def _end(run: JobRun) -> None:
    JobRun.objects.filter(pk=run.pk).update(finished_at=Now(), leased_until=None)
    _queued(run).update(status=TaskResultStatus.FAILED, finished_at=Now())


def _row_of(name: str) -> "QuerySet[Job]":
    Job.objects.bulk_create([Job(name=name)], ignore_conflicts=True)
    return Job.objects.filter(name=name)


def reap(*, everything: bool = False) -> int:
    """Give back the runs of dead workers, to be run at once; return their number.

    A worker is dead if its lease has expired. everything: ignore leases, for a worker that knows that it is the only
    one.
    """
    left = JobRun.objects.open().filter(task__status=TaskResultStatus.RUNNING)
    if not everything:
        left = left.filter(leased_until__lt=Now())
    if not left.exists():
        return 0
    with transaction.atomic():
        runs = list(left.select_for_update(skip_locked=True, of=("self",)))
        for run in runs:
            with _set(job_id, str(run.pk)):
                logger.warning("a worker died with a job", extra={"job": run.job_name, "worker": run.worker})
            words = f"The worker {run.worker} ended during the job."
            JobRun.objects.filter(pk=run.pk).update(losses=F("losses") + 1, leased_until=None, error=words)
            if run.losses + 1 >= MOST_LOSSES:
                _row_of(run.job_name).update(last_failure_at=Now(), last_failure=words)
                _end(run)
            else:
                _queued(run).update(status=TaskResultStatus.READY, run_after=get_date_max(), started_at=None)
    return len(runs)


def tick() -> list[str]:
    """Request a run of every periodic job that is due; return their names.

    Any number of workers may call it at once: the one that updates the job's row makes the request, in one
    transaction.
    """
    definitions = registered_jobs()
    rows = {row.name: row for row in Job.objects.filter(name__in=definitions)}
    if missing := [Job(name=name) for name in definitions if name not in rows]:
        Job.objects.bulk_create(missing, ignore_conflicts=True)
        rows = {row.name: row for row in Job.objects.filter(name__in=definitions)}
    now, asked = database_now(), list[str]()
    for name, definition in definitions.items():
        found, every = rows[name].next_run_at, definition.every
        if every is None:
            if found is not None:
                Job.objects.filter(name=name).update(next_run_at=None)
        # Further away than one period: an older release ran the job less often, or a clock was wrong.
        elif found is None or found <= now or found > now + every:
            following = now + every
            if found is not None and found <= now:
                # This one run makes up for all missed periods.
                following = found + every * ((now - found) // every + 1)
            with transaction.atomic():
                if Job.objects.filter(name=name, next_run_at=found).update(next_run_at=following):
                    enqueue_once(definition.task, key=PERIODIC)
                    asked.append(name)
    return asked
