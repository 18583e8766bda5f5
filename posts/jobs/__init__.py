"""Background jobs: registered functions that a worker process runs.

A failed job is tried again. A job can run once a period, and once per key. It is a function with keyword arguments that
JSON can hold:

    @job("rebuild similar posts", every=timedelta(hours=1))
    def rebuild_similar_posts():
        for chunk in chunks:
            stop_if_asked()
            ...

    enqueue_once(rebuild_similar_posts, key="all")

Add its module to TASK_MODULES in posts/apps.py. A job may run twice, because a worker can die after the work and before
it records the result; both runs together must have the same effect as one. Long jobs work in chunks, each one
transaction that also moves a checkpoint of their own, with `stop_if_asked()` between two chunks.
"""

from posts.jobs.backend import enqueue_once
from posts.jobs.control import Interrupted, job_should_stop, stop_if_asked
from posts.jobs.registry import job, registered_jobs
from posts.jobs.runs import run_waiting_jobs

__all__ = [
    "Interrupted",
    "enqueue_once",
    "job",
    "job_should_stop",
    "registered_jobs",
    "run_waiting_jobs",
    "stop_if_asked",
]
