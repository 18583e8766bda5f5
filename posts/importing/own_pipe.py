"""What a process and its own forked child tell each other, through a pipe that nobody else can open.

Only here are pickles used: no value from outside ever becomes one.
"""

import contextlib
import io
import os
import pickle
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any


def send(pipe: Connection, value: Any) -> None:
    """Send a value to the other end; OSError if nobody is there any more. value: without itself inside of it."""
    pipe.send_bytes(_pickled(value))


def receive(pipe: Connection) -> Any:
    """Wait for a value from the other end and return it; EOFError or OSError if nobody is there any more."""
    return pickle.loads(pipe.recv_bytes())  # noqa: S301  # nosec B301 (from the same program)


def _pickled(value: Any) -> memoryview:
    written = io.BytesIO()
    pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
    # It remembers nothing, because nearly every text is there once.
    pickler.fast = True
    pickler.dump(value)
    return written.getbuffer()


class SharedSheet:
    """Memory in which a child leaves megabytes of values, and goes on. A full pipe would let it wait for the reader.

    To be made before the child. Only for Linux.
    """

    def __init__(self) -> None:
        self.number = os.memfd_create("alphanode")
        self._buffer = bytearray()

    def write(self, values: Iterable[Any]) -> list[int]:
        """Put values in place of the last ones; return their sizes, for read()."""
        sizes: list[int] = []
        for value in values:
            rest = _pickled(value)
            end = sum(sizes) + len(rest)
            sizes.append(len(rest))
            while rest:
                rest = rest[os.pwrite(self.number, rest, end - len(rest)) :]
        return sizes

    def read(self, sizes: list[int]) -> Iterator[Any]:
        """Yield the values that the other process has written."""
        begin = 0
        for size in sizes:
            if size > len(self._buffer):
                self._buffer = bytearray(size)
            at = 0
            with memoryview(self._buffer)[:size] as whole:
                while at < size:
                    at += os.preadv(self.number, [whole[at:]], begin + at)
                yield pickle.loads(whole)  # noqa: S301  # nosec B301 (from the same program)
            begin += size

    def close(self) -> None:
        """Give the memory back, as soon as the child does it too."""
        os.close(self.number)


def close_all_but(*kept: int) -> None:
    """Close the parent's files in a child: a lock or a connection must end with the parent. kept: what both use."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    # Not all numbers there may be: some containers allow a thousand million.
    for other in map(int, os.listdir("/proc/self/fd")):
        if other > 2 and other not in kept:
            with contextlib.suppress(OSError):
                os.close(other)
