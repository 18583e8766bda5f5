"""The progress of a run, for a terminal or a log."""

import contextlib
import time
from typing import TextIO

from posts.importing.sources import Source
from posts.models import ImportBatch

ON_TERMINAL_SECONDS = 0.25
IN_LOG_SECONDS = 15


class Progress:
    """Shows one updated line on a terminal, else a plain line now and then. Rate and time left are by bytes."""

    def __init__(self, source: Source, output: TextIO) -> None:
        self._source = source
        self._output = output
        self._is_terminal = output.isatty()
        self._began = self._shown = time.monotonic()
        self._width = 0
        self._first: tuple[float, int, int] | None = None

    def show(self, batch: ImportBatch) -> None:
        """Report progress after a chunk, if it is time to."""
        now = time.monotonic()
        here = (batch.rows, batch.bytes_read)
        self._first = self._first or (now, *here)
        if now - self._shown < (ON_TERMINAL_SECONDS if self._is_terminal else IN_LOG_SECONDS):
            return
        self._shown = now
        # An earlier attempt took no time of this one.
        seconds = max(now - self._first[0], 0.001)
        text = f"{batch.rows:,} rows, {(here[0] - self._first[1]) / seconds:,.0f} a second"
        if self._source.size and (speed := (here[1] - self._first[2]) / seconds):
            left = (self._source.size - here[1]) / speed
            text += f", {here[1] / self._source.size:.0%} of the file, about {_duration(left)} to go"
        if batch.refused:
            text += f", {batch.refused:,} refused"
        with contextlib.suppress(OSError):
            if self._is_terminal:
                self._output.write("\r" + text.ljust(self._width))
                self._width = len(text)
            else:
                self._output.write(text + "\n")
            self._output.flush()

    def clear(self) -> None:
        """Clear the line for other output."""
        if self._width:
            with contextlib.suppress(OSError):
                self._output.write("\r" + " " * self._width + "\r")
                self._output.flush()
            self._width = 0


def _duration(seconds: float) -> str:
    seconds = int(seconds)
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
