from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Job(models.Model):
    """What is known of one registered job between runs. posts.jobs.registry says what it does and how often.

    The worker creates a row for every job in the code and deletes the others.
    """

    name = models.CharField(max_length=60, primary_key=True)
    # Null for a job that runs only on request.
    next_run_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        ordering = ["name"]
        default_permissions = ("view",)
        permissions = [("run_job", "Can start background jobs again")]

    def __str__(self) -> str:
        return self.name

    def is_overdue(self, *, every: timedelta | None, now: datetime) -> bool:
        """Return whether a job has not succeeded for two of its periods. every: its period or None."""
        return every is not None and now - (self.last_success_at or self.first_seen_at) > 2 * every


class JobRunQuerySet(models.QuerySet["JobRun"]):
    def open(self) -> Self:
        """Filter to runs that are waiting or running."""
        return self.filter(finished_at=None)


class JobRun(models.Model):
    """One requested run of a job, with all its attempts.

    The queue itself is the table of django-tasks-db: state, arguments, not before when. This row adds what that table
    lacks: the key that prevents a second run, the lease of the worker, the number of attempts, and the failure in
    words for people.
    """

    task = models.OneToOneField(
        "django_tasks_database.DBTaskResult", models.CASCADE, primary_key=True, db_column="id", related_name="run"
    )
    job_name = models.CharField(max_length=60)
    key = models.CharField(max_length=200, blank=True, db_default="")
    requested_at = models.DateTimeField("requested", db_default=Now())
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # Counts every start. A worker that returns after losing its lease has an older number.
    attempt = models.PositiveIntegerField(default=0, db_default=0)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    # Attempts that ended with their worker: killed, interrupted, power lost.
    losses = models.PositiveIntegerField("interruptions", default=0, db_default=0)
    worker = models.CharField(max_length=100, blank=True, db_default="")
    leased_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField("finished", null=True)
    error = models.CharField(max_length=500, blank=True, db_default="")

    objects = JobRunQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["-requested_at", "-task"], name="job_run_newest"),
            models.Index(fields=["job_name", "-requested_at"], name="job_run_of_job"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["job_name", "key"],
                condition=models.Q(finished_at=None) & ~models.Q(key=""),
                name="job_run_one_open_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_name} {self.pk}"

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the job, as a dict."""
        arguments: dict[str, Any] = self.task.args_kwargs["kwargs"]
        return arguments

    @property
    def state(self) -> str:
        """The state in one word for people: waiting, running, failed or done."""
        return {"READY": "waiting", "RUNNING": "running", "FAILED": "failed", "SUCCESSFUL": "done"}[self.task.status]


class JobWorker(models.Model):
    """A worker process that reported itself alive. The page of jobs shows it; nothing depends on it."""

    SILENT_AFTER = timedelta(minutes=1)

    name = models.CharField(max_length=100, primary_key=True)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["started_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
