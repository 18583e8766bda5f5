"""Changes of the schema that never let readers wait for long: they give up their place in the queue and try again.

On PostgreSQL whoever waits to alter a table holds up everybody who comes after, readers too. So a change waits for a
shorter time than a reader would, and a transaction that another one holds up begins anew.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger("posts.db")
Value = TypeVar("Value")

# Web processes wait for two seconds (lock_timeout in the settings). After one second of waiting (deadlock_timeout) the
# server looks for circles and ends a member, which may be a reader: whoever waits so short a time is hardly in one.
LONGEST_WAIT = "100ms"
PAUSE_SECONDS = 0.3
TRIES = 400
# lock_not_available and deadlock_detected, in "PostgreSQL Error Codes" of its manual.
HELD_UP = ("55P03", "40P01")


def with_short_locks(connection: BaseDatabaseWrapper, act: Callable[[], Value]) -> Value:
    """Return act(), a transaction of its own; repeat it while somebody holds the locks that it needs."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return act()
    for left in reversed(range(TRIES)):
        try:
            with _short_waits(connection):
                return act()
        except OperationalError as error:
            if not left or getattr(error.__cause__, "sqlstate", "") not in HELD_UP:
                raise
            logger.info("a table is in use; trying again")
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


@contextlib.contextmanager
def _short_waits(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LONGEST_WAIT])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
