"""Puts a job into the queue: a row of django-tasks-db and our row beside it, in the caller's transaction."""

from django.db import IntegrityError, transaction
from django_tasks.exceptions import InvalidTaskError
from django_tasks_db.backend import DatabaseBackend

from posts.jobs.registry import definition_of

LOOKS = 5


class JobBackend(DatabaseBackend):
    """The database backend of django-tasks, with a JobRun for every task."""

    def _task_to_db_task(self, task, args, kwargs, *, key="", by=None):
        from posts.models import JobRun

        definition = definition_of(task.module_path)
        if definition is None:
            raise InvalidTaskError(f"{task.module_path} is no registered job. Register it with posts.jobs.job.")
        if args:
            raise InvalidTaskError("A job takes keyword arguments alone: the page of jobs shows them by name.")
        with transaction.atomic():
            db_task = super()._task_to_db_task(task, args, kwargs)
            JobRun.objects.create(task=db_task, job_name=definition.name, key=key, requested_by=by)
        return db_task


def enqueue_once(task, /, *, key, run_after=None, by=None, **arguments):
    """Ask for a run of the job `task` with these arguments; return its JobRun.

    While a run of the same job and key waits or runs, asking again is asking for that one: it is returned as it is,
    with the arguments that it has. key: 1 to 200 characters. run_after: an aware datetime, not before then; by: the
    person who asked. It is part of the caller's transaction: rolled back with it, seen by a worker after its commit.
    """
    from posts.models import JobRun

    if not 1 <= len(key) <= 200:
        raise ValueError("The key of a job has 1 to 200 characters.")
    if run_after is not None:
        task = task.using(run_after=run_after)
    backend = task.get_backend()
    backend.validate_task(task)
    name = definition_of(task.module_path).name
    # Again if the run that stood in the way ended between the look and the attempt.
    for look in range(LOOKS):
        if waiting := JobRun.objects.open().select_related("task").filter(job_name=name, key=key).first():
            return waiting
        try:
            with transaction.atomic():
                return backend._task_to_db_task(task, (), arguments, key=key, by=by).run
        except IntegrityError:
            # PostgreSQL waited for the end of the transaction in the way, so the next look sees what it left.
            if look == LOOKS - 1:
                raise
