"""Counts the statements of each request, and logs slow ones without their values."""

import hashlib
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

logger = logging.getLogger("posts.monitoring")

# The route of the request or the name of the job that runs now.
route: ContextVar[str] = ContextVar("route", default="")
_IN_LIST = re.compile(r"\(\s*%s(?:\s*,\s*%s)+\s*\)")
_observers: list[Callable[[float], None]] = []
# Are told of the statement too, without its values.
_watchers: list[Callable[[str, float], None]] = []
SHOWN = 300


def watch_queries() -> None:
    """Time every statement of every connection that is made from now on."""
    connection_created.connect(_watch, dispatch_uid="posts.monitoring.queries")


def count_for_prometheus() -> None:
    """Count statements and their seconds for Prometheus."""
    from prometheus_client import Counter

    count = Counter("alphanode_queries", "Statements sent to the database.")
    seconds = Counter("alphanode_query_seconds", "Time spent waiting for the database.")

    def observe(took: float) -> None:
        count.inc()
        seconds.inc(took)

    _observers.append(observe)


def watch_statements(most: int) -> Callable[[], list[tuple[str, int, int]]]:
    """Keep the statements of each thread; return a function that takes those of its thread since the last call.

    Each is (SQL without values, begin, end), in nanoseconds since 1970. Of many, the first `most` are kept.
    """
    kept: ContextVar[list[tuple[str, int, int]] | None] = ContextVar("statements", default=None)

    def keep(sql: str, took: float) -> None:
        statements = kept.get()
        if statements is None:
            kept.set(statements := [])
        if len(statements) < most:
            ended = time.time_ns()
            statements.append((sql, ended - int(took * 1e9), ended))

    def taken() -> list[tuple[str, int, int]]:
        statements = kept.get() or []
        kept.set(None)
        return statements

    _watchers.append(keep)
    return taken


def fingerprint_of(statement: str) -> str:
    """Return 12 digits that are the same for a statement whatever its values and the length of its lists."""
    plain = _IN_LIST.sub("(%s)", " ".join(statement.split()))
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def _watch(sender: type[BaseDatabaseWrapper], connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        note(sql, time.perf_counter() - began)


def note(sql: str, took: float) -> None:
    """Count a statement, which took so many seconds, and log it if it was slow."""
    for observe in _observers:
        observe(took)
    for watch in _watchers:
        watch(sql, took)
    if settings.SLOW_QUERY_MS and took * 1000 >= settings.SLOW_QUERY_MS:
        # A statement has places for values, not the values: nothing of a text or an account gets into the log.
        logger.warning(
            "slow query",
            extra={
                "ms": round(took * 1000, 1),
                "fingerprint": fingerprint_of(sql),
                "statement": " ".join(sql.split())[:SHOWN],
            },
        )
