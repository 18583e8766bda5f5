"""The registered jobs, and how each runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django_tasks import task
from django_tasks.base import Task

# The longest wait before a retry, however often the job has failed.
LONGEST_BACKOFF = timedelta(hours=1)
# The priorities of runs. Each worker has a lane of its own for urgent ones, so that they never wait for others.
URGENT, IN_TURN = 10, 0
# With this begin the keys of runs that help another run of the same job.
HELPER = "helper"


@dataclass(frozen=True)
class JobDefinition:
    """How one job runs; `job` explains the fields."""

    name: str
    label: str
    task: Task[..., Any]
    attempts: int
    backoff: timedelta
    lease: timedelta
    every: timedelta | None
    walks: tuple[str, ...] = ()

    def delay_after(self, failures: int) -> timedelta:
        """Return how long to wait after a number of failures: the backoff, doubled each time."""
        doubled: timedelta = self.backoff * 2 ** (failures - 1)
        return min(doubled, LONGEST_BACKOFF)


# Former paths of job functions, for runs that the previous release queued.
FORMER_PATHS = {
    "posts.importing.background.follow_switch": "posts.importing.tasks.follow_switch",
    "posts.importing.background.forget_old_uploads": "posts.importing.tasks.forget_old_uploads",
    "posts.importing.background.rehearse_import": "posts.importing.tasks.rehearse_import",
    "posts.importing.background.run_import": "posts.importing.tasks.run_import",
    "posts.importing.background.run_lift": "posts.importing.tasks.run_lift",
    "posts.importing.background.run_rollback": "posts.importing.tasks.run_rollback",
    "posts.jobs.articles.bring_articles_up_to_date": "posts.listing.article_tasks.bring_articles_up_to_date",
    "posts.jobs.articles.forget_old_articles": "posts.listing.article_tasks.forget_old_articles",
    "posts.jobs.lists.bring_lists_up_to_date": "posts.listing.tasks.bring_lists_up_to_date",
    "posts.jobs.lists.count_the_site": "posts.listing.tasks.count_the_site",
    "posts.jobs.neighbours.find_similar_posts": "posts.related.tasks.find_similar_posts",
    "posts.jobs.queue.carry_out_bulk": "posts.operations.queue_tasks.carry_out_bulk",
    "posts.jobs.queue.look_over_queue": "posts.operations.queue_tasks.look_over_queue",
    "posts.jobs.queue.prepare_bulk": "posts.operations.queue_tasks.prepare_bulk",
    "posts.jobs.queue.rank_new_texts": "posts.operations.queue_tasks.rank_new_texts",
    "posts.jobs.releases.run_planned_releases": "posts.operations.tasks.run_planned_releases",
    "posts.jobs.texts.read_new_texts": "posts.content_checks.tasks.read_new_texts",
}

_definitions: dict[str, JobDefinition] = {}


def job(
    name: str,
    *,
    label: str = "",
    attempts: int = 3,
    backoff_seconds: int = 30,
    lease_seconds: int = 60,
    every: timedelta | None = None,
    is_urgent: bool = False,
    walks: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Task[..., Any]]:
    """Register a function as the background job `name` (at most 60 characters, never changed); return its Task.

    label: what people read in place of the name.

    attempts: how often it is tried before it counts as failed.

    backoff_seconds: the wait before the second attempt, doubled before each further one.

    lease_seconds: a worker that has not renewed its lease for this long counts as dead, and another one takes over. A
    worker renews it automatically while the function runs.

    every: a timedelta for a periodic job, which must need no arguments. One run makes up for all missed periods.

    is_urgent: whether it must not wait for other jobs. It should be short.

    walks: the names of its walks that workers share, for the page of jobs.
    """
    if every is not None and every < timedelta(seconds=1):
        raise ValueError(f"every is {every}; a period is a second or longer.")
    if attempts < 1 or backoff_seconds < 0 or lease_seconds < 1 or not 1 <= len(name) <= 60:
        raise ValueError(f"The job “{name}” is registered with invalid numbers.")

    def registered(function: Callable[..., Any]) -> Task[..., Any]:
        if name in _definitions:
            raise ValueError(f"Two jobs are named “{name}”.")
        definition = JobDefinition(
            name,
            label or name,
            task(priority=URGENT if is_urgent else IN_TURN)(function),
            attempts,
            timedelta(seconds=backoff_seconds),
            timedelta(seconds=lease_seconds),
            every,
            walks,
        )
        _definitions[name] = definition
        return definition.task

    return registered


def registered_jobs() -> dict[str, JobDefinition]:
    """Return every JobDefinition, by the name of the job."""
    return dict(sorted(_definitions.items()))


def label_of(name: str) -> str:
    """Return what people read in place of the name of a job, which may be gone from the code."""
    return _definitions[name].label if name in _definitions else name


def definition_of(task_path: str) -> JobDefinition | None:
    """Return the JobDefinition of the function at `task_path`, or None: a queue outlives the code."""
    path = FORMER_PATHS.get(task_path, task_path)
    return next((known for known in _definitions.values() if known.task.module_path == path), None)


def known_paths() -> set[str]:
    """Return every path, current or former, under which a run of a registered job may be queued."""
    paths = {known.task.module_path for known in _definitions.values()}
    return paths | {former for former, path in FORMER_PATHS.items() if path in paths}
