"""Adds a job to the queue: a row of django-tasks-db and our own row, in the caller's transaction."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django_tasks.base import Task
from django_tasks.exceptions import InvalidTaskError
from django_tasks_db.backend import DatabaseBackend

from posts.jobs.registry import definition_of

if TYPE_CHECKING:
    from django_tasks_db.models import DBTaskResult

    from posts.models import JobRun

LOOKS = 5


class JobBackend(DatabaseBackend):
    """The database backend of django-tasks, with a JobRun for every task."""

    def _task_to_db_task(  # type: ignore[override]  # a run has a key and who asked for it
        self,
        task: Task[..., Any],
        args: Any,
        kwargs: Any,
        *,
        key: str = "",
        by: User | None = None,
    ) -> "DBTaskResult[..., Any]":
        from posts.models import JobRun

        definition = definition_of(task.module_path)
        if definition is None:
            raise InvalidTaskError(f"{task.module_path} is not a registered job. Register it with posts.jobs.job.")
        if args:
            raise InvalidTaskError("A job takes only keyword arguments: the page of jobs shows them by name.")
        with transaction.atomic():
            db_task = super()._task_to_db_task(task, args, kwargs)  # type: ignore[arg-type]  # of django-tasks, not Django
            JobRun.objects.create(task=db_task, job_name=definition.name, key=key, requested_by=by)
        return db_task


def enqueue_once(
    task: Task[..., Any],
    /,
    *,
    key: str,
    run_after: datetime | None = None,
    by: User | None = None,
    **arguments: Any,
) -> "JobRun":
    """Request a run of the job `task` with these arguments; return its JobRun.

    If a run of the same job and key is waiting or running, return that one unchanged, with its own arguments. key: 1
    to 200 characters. run_after: an aware datetime, the earliest start. by: the person who asked. The row is part of
    the caller's transaction: a worker sees it after the commit.
    """
    from posts.models import JobRun

    if not 1 <= len(key) <= 200:
        raise ValueError("The key of a job has 1 to 200 characters.")
    if run_after is not None:
        task = task.using(run_after=run_after)
    backend = task.get_backend()
    backend.validate_task(task)
    definition = definition_of(task.module_path)
    if not isinstance(backend, JobBackend) or definition is None:
        raise InvalidTaskError(f"{task.module_path} is not a registered job. Register it with posts.jobs.job.")
    waiting = JobRun.objects.open().select_related("task").filter(job_name=definition.name, key=key)
    looks = 0
    while True:
        if run := waiting.first():
            return run
        looks += 1
        try:
            with transaction.atomic():
                made: JobRun = backend._task_to_db_task(task, (), arguments, key=key, by=by).run
        except IntegrityError:
            # The existing run may have ended between the lookup and the insert. PostgreSQL waited for its
            # transaction, so the next lookup sees the result.
            if looks == LOOKS:
                raise
        else:
            return made
