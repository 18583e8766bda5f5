"""Whether a page that was rendered earlier still shows what is true."""

import logging
import threading
import time

from alphanode.page_cache.marks import ANYTHING

logger = logging.getLogger("alphanode.page_cache")

# Half a second after a look into the log the next request looks again; what was known is good for a little longer, so
# that the others need not wait for it. Together with the answer itself it stays below a second.
LOOK_AGAIN_SECONDS = 0.4
GOOD_FOR_SECONDS = 0.8
WAIT_SECONDS = 0.2
# Keys that are remembered one by one; with more, everything rendered until now counts as changed.
MAX_KEYS = 50_000


class Freshness:
    """What this process knows of changes. It looks into the log when it is asked and its knowledge is too old: nobody
    has to reach it, and no thread runs beside the requests.

    look(position) → an object with `horizon`, `newest` and `changed`, as posts.page_versions.Changes;
    begin() → the position to look from at first; clock() → seconds.
    """

    def __init__(self, *, look, begin, clock=time.monotonic):
        self._look = look
        self._begin = begin
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = self._look_after = float("-inf")
        self._horizon = None
        # Pages rendered before this position are not known to be true.
        self._floor = 0
        self._changed = {}
        # Counts the looks that brought something: a page found true is so until the next of them.
        self.generation = 0

    def position(self):
        """The position that a page rendered from now on has, or None when the log can't be asked: then nothing that
        was kept may be shown, and nothing be kept."""
        now = self._clock()
        age = now - self._looked_at
        if age < LOOK_AGAIN_SECONDS:
            return self._horizon
        if now >= self._look_after and self._lock.acquire(timeout=0 if age < GOOD_FOR_SECONDS else WAIT_SECONDS):
            try:
                # Another thread may have looked while this one waited.
                if self._clock() - self._looked_at >= LOOK_AGAIN_SECONDS:
                    self._learn()
            finally:
                self._lock.release()
        return self._horizon if self._clock() - self._looked_at < GOOD_FOR_SECONDS else None

    def is_true(self, page):
        """Whether nothing that `page` (with `position` and `keys`) shows has changed since it was rendered."""
        changed = self._changed
        return self._floor <= page.position <= self._horizon and not any(
            changed.get(key, -1) >= page.position for key in page.keys
        )

    def _learn(self):
        asked_at = self._clock()
        try:
            if self._horizon is None:
                self._floor = self._begin()
            changes = self._look(self._floor if self._horizon is None else self._horizon)
        except Exception as error:
            # Whatever keeps the log from being read, the view will meet it too and say it in its own way.
            logger.warning("Pages are not taken from the cache: the log of changes can't be read (%s).", error)
            self._look_after = self._clock() + LOOK_AGAIN_SECONDS
            return
        self._take(changes)
        self._horizon = changes.horizon
        self._looked_at = asked_at

    def _take(self, changes):
        if changes.changed is None:
            # Too many at once: nothing rendered at or before the newest of them is known to be true.
            self._start_anew(changes.newest + 1)
        elif self._horizon is not None and changes.horizon < self._horizon:
            # The database is another one than before, restored from a copy: positions mean nothing across that.
            self._start_anew(float("inf"))
            logger.warning("The log of changes went back; pages are kept again when this process is started anew.")
        elif changes.changed:
            if len(self._changed) > MAX_KEYS:
                self._start_anew(changes.horizon)
            # In place and before the horizon moves: a request beside this one may know more than it asked for.
            self._changed.update(changes.changed)
            self._changed[ANYTHING] = max(changes.changed.values())
            self.generation += 1

    def _start_anew(self, floor):
        self._floor = max(floor, self._floor)
        self._changed = {}
        self.generation += 1
