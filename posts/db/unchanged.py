"""What a process keeps of the database for as long as the change log has no new row.

Every page of a list shows the same counts and filters until something changes. A page keeps them with the state of the
change log (posts.db.change_log) from before they were read. The next page reads that state again, as a part of its own
first statement. If it is the same, no transaction that changed a page became visible meanwhile, so what was kept is
what the statement would find: pages are never older than the database, whatever happened on other machines.

Only columns that the change log watches may be kept (posts.db.page_triggers).
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.db import connection
from django.db.models import TextField
from django.db.models.expressions import RawSQL

from posts.db.change_log import HORIZON, TABLE

Value = TypeVar("Value")

# Of so many new rows nothing is concluded: a transaction has been open for long, and every look would read them all.
# Then nothing is kept for a while.
MOST_ROWS = 1_000
REST_SECONDS = 5
# At the latest then everything is read again: for a server that took over and lost the last changes.
SECONDS = 60
# A list of a term has some kilobytes.
MOST_VALUES = 300
# How many rows the log has from a position on, and the last number of one. Numbers are given once, and rows are added
# alone: only old ones are ever deleted.
_STATE = (
    f"(SELECT COUNT(*) || ' ' || COALESCE(MAX(id), 0) FROM (SELECT id FROM {TABLE}"  # noqa: S608 (our own words)
    f" WHERE position >= {{position}} ORDER BY position LIMIT {MOST_ROWS}) newer)"
)

_BEGIN = (
    "SELECT now.position, CASE WHEN COALESCE((SELECT position FROM"  # noqa: S608 (our own words)
    f" {TABLE} ORDER BY position DESC LIMIT 1 OFFSET {MOST_ROWS - 1}), -1) < now.position"
    f" THEN {_STATE.format(position='now.position')} END FROM (SELECT {{horizon}} AS position) now"
)
# Above every position: from there on the log is empty.
_NEVER = 2**62


class Unchanged:
    """Values that hold as long as the log has the same `state` from `position` on. Without a state nothing is kept."""

    def __init__(self, position: int, state: str | None, until: float) -> None:
        self.position, self.state, self.until = position, state, until
        self._values: dict[Hashable, Any] = {}

    def confirmed(self, state: str | None) -> "Unchanged":
        """Return this object if a statement has read the same state; else a new one, without values."""
        return self if self.state in (state, None) else _begin()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which make() reads if there is none. Nobody changes it. None is not kept."""
        kept: Value | None = self._values.get(key)
        if kept is not None:
            return kept
        made = make()
        if made is not None and self.state is not None:
            if len(self._values) >= MOST_VALUES:
                self._values.clear()
            self._values[key] = made
        return made


_kept: dict[str, Unchanged] = {}


def unchanged() -> Unchanged:
    """Return what this process keeps. Its values are good once a statement has confirmed its state."""
    kept = _kept.get(connection.vendor)
    return kept if kept is not None and time.monotonic() < kept.until else _begin()


def held() -> Unchanged:
    """Return the same without a statement: if nothing is kept, an object that keeps nothing."""
    kept = _kept.get(connection.vendor)
    return kept if kept is not None and time.monotonic() < kept.until else Unchanged(_NEVER, None, 0)


def forget() -> None:
    """Keep nothing: the database is another one, or it has lost changes that this process has seen."""
    _kept.clear()


def state_of_log(position: int) -> RawSQL:
    """Return the expression for the state of the log from a position on, for Unchanged.confirmed()."""
    sql = _STATE.format(position="%s")
    return RawSQL(sql, [position], output_field=TextField())  # noqa: S611  # nosec B611 (our own words)


def _begin() -> Unchanged:
    """Read the state of the log, before any value is read."""
    now = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN.format(horizon=HORIZON[connection.vendor]))
        position, state = cursor.fetchone()
    begun = Unchanged(_NEVER, None, now + REST_SECONDS) if state is None else Unchanged(position, state, now + SECONDS)
    _kept[connection.vendor] = begun
    return begun
