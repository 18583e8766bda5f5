"""What jobs there are, and how each is run."""

from dataclasses import dataclass
from datetime import timedelta

from django_tasks import task
from django_tasks.base import Task

# A retry waits no longer than this, however often the job has failed.
LONGEST_BACKOFF = timedelta(hours=1)


@dataclass(frozen=True)
class JobDefinition:
    """How one job is run; `job` explains the fields."""

    name: str
    task: Task
    attempts: int
    backoff: timedelta
    lease: timedelta
    every: timedelta | None

    def delay_after(self, failures):
        """How long to wait after that many failures: the backoff, doubled each time."""
        return min(self.backoff * 2 ** (failures - 1), LONGEST_BACKOFF)


_definitions = {}


def job(name, *, attempts=3, backoff_seconds=30, lease_seconds=60, every=None):
    """Register a function as the background job `name` (words for people, 60 characters at most); return its Task.

    attempts: how often it is tried before it counts as failed.
    backoff_seconds: the wait before the second try, doubled before each further one.
    lease_seconds: a worker that has not renewed its claim for so long counts as dead, and another one takes over. A
        worker renews it by itself while the function runs, whatever the function does.
    every: a timedelta for a job that runs by itself, once a period; it must need no arguments. Periods that were
        missed are caught up by one run.
    """
    if every is not None and every < timedelta(seconds=1):
        raise ValueError(f"every is {every}; a period is a second or longer.")
    if attempts < 1 or backoff_seconds < 0 or lease_seconds < 1 or not 1 <= len(name) <= 60:
        raise ValueError(f"The job “{name}” is registered with numbers that make no sense.")

    def registered(function):
        if name in _definitions:
            raise ValueError(f"Two jobs are named “{name}”.")
        definition = JobDefinition(
            name,
            task()(function),
            attempts,
            timedelta(seconds=backoff_seconds),
            timedelta(seconds=lease_seconds),
            every,
        )
        _definitions[name] = definition
        return definition.task

    return registered


def registered_jobs():
    """Every JobDefinition, by the name of the job."""
    return dict(sorted(_definitions.items()))


def definition_of(task_path):
    """The JobDefinition whose function stands at `task_path`, or None: a queue outlives the code that filled it."""
    return next((known for known in _definitions.values() if known.task.module_path == task_path), None)
