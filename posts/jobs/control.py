"""What a running job can know of its worker."""

import contextvars
from collections.abc import Callable

# A function without arguments that says whether the job that runs now should end; set by the worker.
should_stop: contextvars.ContextVar[Callable[[], bool] | None] = contextvars.ContextVar("should_stop", default=None)


class Interrupted(BaseException):
    """The job ends early without having failed, and waits in the queue to continue.

    It is not an Exception, so that code that catches every exception (a bad row, a bad file) does not catch this.
    """


class CutShort(Interrupted):
    """The worker stops waiting: the job neither ended nor asked whether to stop."""


def job_should_stop() -> bool:
    """Return whether the worker was told to end or has lost this job; False outside of a job."""
    asked = should_stop.get()
    return asked is not None and asked()


def stop_if_asked() -> None:
    """Raise Interrupted if the job should stop. Call it between two chunks, when all work is committed."""
    if job_should_stop():
        raise Interrupted
