"""Stops a run from outside: at once while it reads, after the chunk while it writes."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self


class Interrupted(BaseException):
    """SIGTERM or SIGINT came. It is not an Exception, so that no error handling catches it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.exit_status = 128 + number
        super().__init__(f"Stopped by {signal.Signals(number).name}.")


class Interruption(contextlib.AbstractContextManager["Interruption"]):
    """Turns SIGTERM and SIGINT into Interrupted, but never inside `shielded()`: a started chunk is finished.

    A second signal of the same kind ends the process as usual. For the main thread only.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self._shields = 0
        self._came: int | None = None
        self._before: dict[int, Any] = {}  # the handlers that it replaces

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in self.SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, self._before[number])
        self._came = number
        if not self._shields:
            raise Interrupted(number)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Delay signals until the end of the context."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._came and not self._shields:
            raise Interrupted(self._came)
