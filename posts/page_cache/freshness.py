"""Decides whether a cached page is still correct."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from posts.page_cache.page import Page
from posts.page_cache.policy import ANYTHING

if TYPE_CHECKING:
    from posts.db.change_log import Changes

logger = logging.getLogger("posts.page_cache")

# After so long a request reads the log again. Its knowledge stays valid a little longer, so that other requests need
# not wait. The rest of the second is for the answer itself, on a busy machine.
LOOK_AGAIN_SECONDS = 0.3
GOOD_FOR_SECONDS = 0.6
WAIT_SECONDS = 0.2
# The most changed keys to remember; with more, everything rendered until now counts as changed.
MAX_KEYS = 50_000
# Above every generation and every position.
_NEVER = sys.maxsize


class Snapshot(NamedTuple):
    """What was known when the rendering of a page began."""

    generation: int  # of this process: counts the looks with new changes
    horizon: int  # of the log; means the same in every process


class Freshness:
    """What this process knows of changes.

    It reads the log on request if its knowledge is too old: nobody has to notify it, and no thread runs beside the
    requests. A page of this process is fresh as long as no look into the log brought a change of its keys that was
    unknown when the page was begun. A page from another process is fresh only if every change of its keys is below
    the horizon at which it was begun.

    look(position) returns the Changes since then. begin() returns the position to look from at first. clock() returns
    seconds.
    """

    def __init__(
        self,
        *,
        look: "Callable[[int], Changes]",
        begin: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._begin = begin
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = self._look_after = float("-inf")
        self._moment: Snapshot | None = None
        self._is_deaf = False  # whether the last look failed
        self._from = 0  # where the next look starts
        self._told: set[int] = set()  # numbers of rows that the next look may return again
        # key → its last change, by generation and by position; nothing is known before the floor.
        self._changed_in: dict[str, int] = {}
        self._changed_at: dict[str, int] = {}
        self._floor = Snapshot(0, 0)

    def current(self, now: float) -> Snapshot | None:
        """Return the Snapshot for a page that is rendered now, or None if the log can't be read.

        now: what the clock says. With None, no cached page may be shown and none stored.
        """
        age = now - self._looked_at
        if age < LOOK_AGAIN_SECONDS:
            return self._moment
        if now >= self._look_after and self._lock.acquire(timeout=0 if age < GOOD_FOR_SECONDS else WAIT_SECONDS):
            try:
                # Another thread may have looked while this one waited.
                if self._clock() - self._looked_at >= LOOK_AGAIN_SECONDS:
                    self._learn()
            finally:
                self._lock.release()
        return self._moment if self._clock() - self._looked_at < GOOD_FOR_SECONDS else None

    def is_fresh(self, page: Page) -> bool:
        """Return whether nothing that this process's `page` shows has changed since `page.fresh_in`."""
        changed = self._changed_in
        return self._floor.generation <= page.fresh_in and not any(
            changed.get(key, -1) > page.fresh_in for key in page.keys
        )

    def is_fresh_everywhere(self, page: Page) -> bool:
        """Return whether the same is certain for a `page` begun at `page.position` in any process."""
        changed, moment = self._changed_at, self._moment
        return (
            moment is not None
            and self._floor.horizon <= page.position <= moment.horizon
            # Most pages have no key that changed: this looks for one in a tenth of the time.
            and (
                changed.keys().isdisjoint(page.keys)
                or not any(changed.get(key, -1) >= page.position for key in page.keys)
            )
        )

    def _learn(self) -> None:
        asked_at = self._clock()
        try:
            if self._moment is None:
                self._from = self._begin()
                self._floor = Snapshot(0, self._from)
            changes = self._look(self._from)
        except Exception as error:
            # The view will meet the same problem and report it itself.
            if not self._is_deaf:
                logger.warning("The page cache is not used: the change log can't be read (%s).", error)
            self._is_deaf = True
            self._look_after = self._clock() + LOOK_AGAIN_SECONDS
            return
        self._is_deaf = False
        generation = self._take(changes, self._moment or Snapshot(0, changes.horizon))
        # Last, and both together: a parallel request may know more than its snapshot says, never less.
        self._moment = Snapshot(generation, changes.horizon)
        self._from = changes.horizon
        self._looked_at = asked_at

    def _take(self, changes: "Changes", before: Snapshot) -> int:
        """Add new changes; return the generation of what is then known."""
        generation = before.generation
        if changes.horizon < before.horizon:
            # The database was restored from a copy: positions don't continue.
            logger.warning("The change log went back. Restart this process to use the page cache again.")
            return self._start_anew(Snapshot(_NEVER, _NEVER), generation + 1)
        if changes.rows is None:
            # Too many at once: nothing begun before this look is known to be fresh.
            self._told = set()
            return self._start_anew(Snapshot(generation + 1, changes.newest + 1), generation + 1)
        new = [row for row in changes.rows if row[0] not in self._told]
        self._told = {number for number, position, _ in changes.rows if position >= changes.horizon}
        if not new:
            return generation
        if len(self._changed_in) > MAX_KEYS:
            self._start_anew(Snapshot(generation + 1, changes.horizon), generation + 1)
        for _, position, keys in new:
            for key in (*keys, ANYTHING):
                self._changed_at[key] = max(position, self._changed_at.get(key, 0))
                self._changed_in[key] = generation + 1
        return generation + 1

    def _start_anew(self, floor: Snapshot, generation: int) -> int:
        self._floor = Snapshot(max(floor.generation, self._floor.generation), max(floor.horizon, self._floor.horizon))
        self._changed_in, self._changed_at = {}, {}
        return generation
