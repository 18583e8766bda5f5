"""What a running job can know of its worker."""

import contextvars
from collections.abc import Callable

# A function without arguments that says whether the job that runs now should end; set by the worker.
should_stop: contextvars.ContextVar[Callable[[], bool] | None] = contextvars.ContextVar("should_stop", default=None)


class Interrupted(BaseException):
    """The job ends before its work is done, without having failed: it waits in the queue to go on.

    No Exception, so that code that survives everything (a bad row, a bad file) does not survive this.
    """


class CutShort(Interrupted):
    """The worker waits no longer: the job neither ended nor asked whether to stop."""


def job_should_stop() -> bool:
    """Whether the worker was told to end or has lost its claim to this job; False outside of a job."""
    asked = should_stop.get()
    return asked is not None and asked()


def stop_if_asked() -> None:
    """Raise Interrupted if the job should stop. Call it between two chunks, where all that was done is committed."""
    if job_should_stop():
        raise Interrupted
