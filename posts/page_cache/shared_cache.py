"""The cache of CACHE_URL for callers that can work without it; its failure is never an error.

A cache that raises, or takes longer than it could save, is not asked for a while; the caller does the work itself.
Anybody with access can write to it, so callers check what they read.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache

logger = logging.getLogger("alphanode.cache")

SLOW_SECONDS = 0.5
SILENT_SECONDS = 10.0
_clock = time.monotonic
_silent_until = 0.0


def cache_get(key: str) -> Any:
    """Return the value stored under `key`; None if there is none, it expired, or the cache is down."""
    return _ask(lambda: cache.get(key))


def cache_set(key: str, value: Any, seconds: float) -> None:
    """Store `value` for `seconds`, if the cache can."""
    _ask(lambda: cache.set(key, value, seconds))


def cache_count(key: str, seconds: int) -> int | None:
    """Count one more under `key`, which is forgotten after `seconds`; return the count, None if the cache is down."""

    def count() -> int:
        cache.add(key, 0, seconds)
        try:
            return cache.incr(key)
        except ValueError:
            # It was forgotten just now.
            return 1

    counted: int | None = _ask(count)
    return counted


def cache_delete(key: str) -> None:
    """Forget what is stored under `key`, if the cache can."""
    _ask(lambda: cache.delete(key))


def _ask(ask: Callable[[], Any]) -> Any:
    global _silent_until
    began = _clock()
    if began < _silent_until:
        return None
    answer = trouble = None
    try:
        answer = ask()
    except Exception as error:
        # Each backend has its own exceptions, and none of them may prevent a page.
        trouble = f"{type(error).__name__}: {error}"
    took = _clock() - began
    if trouble is None and took > SLOW_SECONDS:
        trouble = f"it took {took:.1f} s"
    if trouble:
        _silent_until = _clock() + SILENT_SECONDS
        logger.warning("The cache does not work (%s). Pages are served without it for %d s.", trouble, SILENT_SECONDS)
    return answer
