"""Notes answers from memory: the log and the measures learn of them a moment later, of many at once.

A page from memory takes less time than its line in the log. A call of the system for each line would also let other
threads run in the middle of each request. Lines are lost only if the process is killed.
"""

import contextlib
import multiprocessing.util
import threading
import time
from collections import deque

from posts.logs import Answered, log_requests
from posts.measures import measures

# So long an answer waits for others; of more than so many, the request that adds the next one tells them.
WAIT_SECONDS = 0.02
MOST_WAITING = 1_000


class Hits:
    """The answers that were not told yet. A thread tells them. It begins with the first one: a server may fork."""

    def __init__(self) -> None:
        self._waiting: deque[Answered] = deque()
        self._is_any = threading.Event()
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._has_begun = False

    def note(self, answered: Answered) -> None:
        """Note an answer from memory."""
        self._waiting.append(answered)
        if len(self._waiting) >= MOST_WAITING:
            self.tell()
        elif not self._is_any.is_set():
            self._wake()

    def tell(self) -> None:
        """Tell what waits to the log and to the measures."""
        found = []
        # One by one, because other threads add and take meanwhile.
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._waiting.popleft())
        if found:
            log_requests(found, cache="hit")
        for _, _, _, place, status, ms in found:
            measures.note(place.route, status, ms, is_cached=True)

    def _wake(self) -> None:
        if not self._has_begun:
            with self._lock:
                if not self._has_begun:
                    self._has_begun = True
                    # At the end of a process, also of one that a server has forked: those call no function of atexit.
                    multiprocessing.util.Finalize(None, self._end, exitpriority=0)
                    threading.Thread(target=self._run, name="hits", daemon=True).start()
        self._is_any.set()

    def _run(self) -> None:
        while self._is_any.wait():
            time.sleep(WAIT_SECONDS)
            self._is_any.clear()
            with self._telling:
                self.tell()

    def _end(self) -> None:
        # What the thread has taken, it still tells.
        with self._telling:
            self.tell()
