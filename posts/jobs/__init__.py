"""Background jobs: registered functions that a worker process runs, again after a failure, once a period, one per key.

A job is a function with keyword arguments that JSON can hold:

    @job("rebuild similar posts", every=timedelta(hours=1))
    def rebuild_similar_posts():
        for chunk in chunks:
            stop_if_asked()
            ...

    enqueue_once(rebuild_similar_posts, key="all")

Its module is named in TASK_MODULES of posts/apps.py. It may be run twice (a worker can die after the work and before it
could say so): what it does must come out the same. Long jobs work in chunks, each one transaction that also moves a
checkpoint of their own, with `stop_if_asked()` between two.
"""

from posts.jobs.backend import enqueue_once
from posts.jobs.control import Interrupted, job_should_stop, stop_if_asked
from posts.jobs.registry import job, registered_jobs
from posts.jobs.work import run_waiting_jobs

__all__ = [
    "Interrupted",
    "enqueue_once",
    "job",
    "job_should_stop",
    "registered_jobs",
    "run_waiting_jobs",
    "stop_if_asked",
]
