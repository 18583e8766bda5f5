"""Run a check of EXTRA_CHECKS for a limited time, whatever thread of the site asks for it.

Signals reach only the main thread, and a thread can't be killed. So the check runs on a thread of its own: the thread
that asked goes on when the time is over, and the check gets an exception at its next step in Python. Code in C, such as
a regular expression that tries everything, can't be stopped; the server then replaces the process.
"""

import ctypes
import threading
from collections.abc import Callable
from time import monotonic

from django.db import connections

# A check that ran out of time is skipped by this process for so long. Otherwise a scan of a thousand texts would wait
# for it a thousand times.
REST_SECONDS = 60

# {id of a check: (the thread that ran out of time, when the check may run again)}
_overrun: dict[str, tuple[threading.Thread, float]] = {}


class OutOfTime(Exception):
    """A check took longer than it may, or rests because it did so before."""


class _Stop(BaseException):
    """Ends a check whose time is over; no `except Exception` of its own keeps it."""


def run_limited(name: str, function: Callable[[], None], seconds: float) -> None:
    """Run `function` of the check `name` and raise what it raises, or OutOfTime after `seconds`.

    What would end the process, such as SystemExit, comes as a RuntimeError.

    After a run out of time the check is not begun again until that run ends, and for REST_SECONDS. Runs that began at
    the same time in other threads each use up their own time.
    """
    if seconds <= 0 or _rests(name):
        raise OutOfTime
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name=f"check {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _overrun[name] = thread, monotonic() + REST_SECONDS
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
        raise OutOfTime
    if errors and not isinstance(errors[0], Exception):
        # sys.exit() in a check ends the check, neither the request nor the worker.
        raise RuntimeError(f"The check ended with {errors[0]!r}.") from errors[0]
    if errors:
        raise errors[0]


def _rests(name: str) -> bool:
    if name not in _overrun:
        return False
    thread, until = _overrun[name]
    return thread.is_alive() or monotonic() < until
