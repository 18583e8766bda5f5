"""What a process and its own forked child tell each other, through a pipe that nobody else can open.

Only here are pickles used: no value from outside ever becomes one.
"""

import contextlib
import os
import pickle
from multiprocessing.connection import Connection
from typing import Any


def send(pipe: Connection, value: Any) -> None:
    """Send a value to the other end; OSError if nobody is there any more."""
    pipe.send_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def receive(pipe: Connection) -> Any:
    """Wait for a value from the other end and return it; EOFError or OSError if nobody is there any more."""
    return pickle.loads(pipe.recv_bytes())  # noqa: S301  # nosec B301 (from the same program)


def close_all_but(number: int) -> None:
    """Close the parent's files in a child: a lock or a connection must end with the parent. number: its pipe."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    # Not all numbers there may be: some containers allow a thousand million.
    for other in map(int, os.listdir("/proc/self/fd")):
        if other > 2 and other != number:
            with contextlib.suppress(OSError):
                os.close(other)
