"""Asks the process that parses code. It is started when code is read, and again when a block ended it."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

from posts.code_reading.reading import MAX_CODE, named_language
from posts.code_reading.reading_process import SECONDS, SIZE
from posts.code_reading.results import Reading

_ROOT = Path(__file__).parents[2]
# All blocks of one text together, of the processor and on the clock of the wall. What is left then is not read.
SECONDS_FOR_TEXT, LONGEST_WAIT = 5.0, 60.0
# A fresh process forgets what parsers did not give back.
MAX_READ = 5_000


class _Process:
    """A running process that parses code, as one process of the site uses it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.count = 0
        # It sees no setting and no secret of the site.
        environment = {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "PATH": os.environ.get("PATH", "")}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "posts.code_reading.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=_ROOT,
        )

    def ask(self, language: str, code: str) -> tuple[Reading, float] | None:
        """Return the Reading of a block and the seconds of the processor that it took; None if the process ended."""
        if self._child.stdin is None or self._child.stdout is None:
            return None
        question = json.dumps([language, code]).encode()
        try:
            self._child.stdin.write(SIZE.pack(len(question)) + question)
            self._child.stdin.flush()
            head = self._child.stdout.read(SIZE.size)
            answer = self._child.stdout.read(SIZE.unpack(head)[0]) if len(head) == SIZE.size else b""
        except OSError:
            return None
        if not answer:
            return None
        self.count += 1
        told = json.loads(answer)
        seconds = told.pop("seconds")
        return Reading(**told | {"names": tuple(map(tuple, told["names"]))}), seconds

    def end(self) -> int:
        """End the process; return its exit status."""
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        if self.owner == os.getpid():
            self._child.kill()
            return self._child.wait()
        return 0


_lock = threading.Lock()
_process: _Process | None = None


@atexit.register
def end_process() -> None:
    """End the process that parses code, if this process of the site started one."""
    global _process
    if _process is not None:
        _process.end()
        _process = None


def read_blocks(blocks: Iterable[tuple[str, str]]) -> list[Reading]:
    """Return the Readings of the blocks of one text, given as (language as written, code)."""
    begun, spent, readings = monotonic(), 0.0, []
    for language, code in blocks:
        if spent > SECONDS_FOR_TEXT or monotonic() - begun > LONGEST_WAIT:
            readings.append(_unread(language, "the text took too long"))
        elif len(code) > MAX_CODE:
            readings.append(_unread(language, f"longer than {MAX_CODE:,} characters"))
        else:
            with _lock:
                reading, seconds = _read(language, code)
            readings.append(reading)
            spent += seconds
    return readings


def _unread(language: str, reason: str) -> Reading:
    return Reading("unread", named_language(language), reason)


def _read(language: str, code: str) -> tuple[Reading, float]:
    global _process
    if _process is None or _process.owner != os.getpid() or _process.count >= MAX_READ:
        if _process is not None:
            _process.end()
        _process = _Process()
    answer = _process.ask(language, code)
    if answer is not None:
        return answer
    status = _process.end()
    _process = None
    took_long = status in (-signal.SIGPROF, -signal.SIGALRM)
    return _unread(language, "the parser took too long" if took_long else "the parser failed"), SECONDS
