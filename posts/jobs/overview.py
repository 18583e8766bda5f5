"""The state of each job, for pages that people watch. Reads only; the number of queries is fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Min, Q, QuerySet, When
from django_tasks_db.models import get_date_max

from posts.db.prepared_query import prepared
from posts.jobs.registry import JobDefinition, registered_jobs
from posts.jobs.runs import database_now
from posts.models import Job, JobRun, JobWorker, TextScan, WalkPart

# A run that could have started this long ago has no worker, or too few.
LONGEST_WAIT = timedelta(minutes=10)


# What a JobOverview says of a job without open runs.
NOTHING: Mapping[str, Any] = {"waiting": 0, "due_at": None, "running": 0, "running_since": None}


@dataclass(frozen=True)
class WalkOverview:
    """How far workers are in a walk that they share. parts: sets that one of them has now."""

    begun_at: datetime
    done: int
    parts: int


@dataclass(frozen=True)
class JobOverview:
    """One registered job: its last runs, what is waiting (due_at: the earliest start) and running."""

    definition: JobDefinition
    job: Job
    waiting: int
    due_at: datetime | None
    running: int
    running_since: datetime | None
    now: datetime

    @property
    def next_run_at(self) -> datetime | None:
        """When it runs next; None if no run is requested."""
        return self.due_at or self.job.next_run_at

    @property
    def is_overdue(self) -> bool:
        """Whether a run that was due has not happened."""
        waits_long = self.due_at is not None and self.now - self.due_at > LONGEST_WAIT
        return waits_long or self.job.is_overdue(every=self.definition.every, now=self.now)

    @property
    def has_failed(self) -> bool:
        """Whether the last finished attempt failed."""
        failed, done = self.job.last_failure_at, self.job.last_success_at
        return failed is not None and (done is None or done < failed)


def jobs_overview() -> list[JobOverview]:
    """Return a JobOverview for every registered job, by name."""
    counts = {name: dict(zip(NOTHING, counted, strict=True)) for name, *counted in _open_runs.rows()}
    now, rows = database_now(), Job.objects.in_bulk()
    return [
        JobOverview(
            definition=definition,
            # Before the first tick there is no row.
            job=rows.get(name) or Job(name=name, first_seen_at=now),
            now=now,
            **counts.get(name, NOTHING),
        )
        for name, definition in registered_jobs().items()
    ]


@prepared()
def _open_runs() -> QuerySet[JobRun, Any]:
    """Return (name of a job, what NOTHING has) of the jobs with runs that wait or run."""
    is_ready, is_running = Q(task__status="READY"), Q(task__status="RUNNING")
    of_now = Q(task__run_after=get_date_max())
    due_at = Case(When(of_now, then=F("requested_at")), default=F("task__run_after"))
    counted = JobRun.objects.open().order_by().values("job_name")
    counted = counted.annotate(
        waiting=Count("pk", filter=is_ready),
        due_at=Min(due_at, filter=is_ready),
        running=Count("pk", filter=is_running),
        running_since=Min("task__started_at", filter=is_running),
    )
    return counted.values_list("job_name", *NOTHING)


def walks_in_work() -> dict[str, WalkOverview]:
    """Return the walks that somebody works on now, by their names in JobDefinition.walks."""
    parts = dict(WalkPart.objects.order_by().values_list("walk").annotate(Count("pk")))
    scans = TextScan.objects.filter(name__in=parts, begun_at__isnull=False)
    return {scan.name: WalkOverview(scan.begun_at, scan.done, parts[scan.name]) for scan in scans if scan.begun_at}


def startable_jobs() -> set[str]:
    """Return the names of jobs that can be started; one without a period repeats its newest run."""
    jobs = registered_jobs()
    asked_for = [name for name, definition in jobs.items() if definition.every is None]
    runs = JobRun.objects.filter(job_name__in=asked_for).order_by().values_list("job_name", flat=True).distinct()
    return {*jobs.keys() - asked_for, *runs}


def living_workers() -> list[JobWorker]:
    """Return the workers that reported within a minute, oldest first."""
    return list(JobWorker.objects.filter(seen_at__gt=database_now() - JobWorker.SILENT_AFTER))
