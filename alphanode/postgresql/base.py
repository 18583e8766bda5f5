"""The database engine. It differs from Django's only for pooled connections, those of web processes.

Server settings end statements that take too long, and network settings end connections to machines that are gone.
Neither helps if the server is there and does not answer, because its system still acknowledges packets. So the client
counts the seconds and closes the connection.
"""

import contextlib
import select
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg._preparing import Prepare, PrepareManager
from psycopg.adapt import AdaptersMap
from psycopg.errors import _WaitTimeout
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from alphanode.postgresql import replicas
from alphanode.postgresql.outage import WAIT_SECONDS, DatabaseAway, outage
from posts.monitoring import queries

# Longer than the server's statement limit (settings.DATABASES): no answer until then means that none will come.
ANSWER_SECONDS = 4.5
REPLICA_SECONDS = 2.0
# A connection on which the server answered within so long is not asked whether it does.
SURE_SECONDS = 0.3


class Connection(psycopg.Connection):
    """A connection that closes if the server does not answer in time."""

    answer_seconds = ANSWER_SECONDS
    # The last answer, on the clock of time.monotonic(); and whether none came in time.
    answered_at = float("-inf")
    is_silent = False

    @classmethod
    def connect(cls, *arguments: Any, **options: Any) -> Self:
        """Connect as psycopg does, and remember a failure for the log."""
        try:
            return super().connect(*arguments, **options)
        except psycopg.Error as error:
            outage.reason = str(error).strip().partition("\n")[0]
            raise

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        """Wait for an answer, ANSWER_SECONDS at most."""
        until = replicas.until.get()
        seconds = self.answer_seconds if until is None else max(0.01, until - time.monotonic())
        try:
            answer = super().wait(gen, *arguments, **{"timeout": seconds} | options)
            self.answered_at = time.monotonic()
            return answer
        except _WaitTimeout:
            reason = "the server did not answer in time"
            # The query may still be running there: this connection is unusable.
            self.is_silent = True
            self.close()
            if until is None:
                self.on_silence(reason)
            raise psycopg.OperationalError(reason) from None

    def on_silence(self, reason: str) -> None:
        """Remember that the server hangs."""
        outage.went_away(reason)


class ReplicaConnection(Connection):
    """A connection to a replica. If that hangs, the primary answers instead, so it gets less time."""

    answer_seconds = REPLICA_SECONDS

    @classmethod
    def connect(cls, *arguments: Any, **options: Any) -> Self:
        """Connect as psycopg does: a failure says nothing of the primary."""
        return super(Connection, cls).connect(*arguments, **options)

    def on_silence(self, reason: str) -> None:
        """Do nothing: the request goes to the primary, and says so."""


# A pool waits longer and longer between attempts to connect, unless one gave up: that one is asked again and starts
# at once.
ASK_POOL_SECONDS = 0.5
POOL = {"connection_class": Connection, "timeout": ASK_POOL_SECONDS, "reconnect_timeout": 0.2}


def check_answers(connection: Connection) -> None:
    """Raise psycopg.Error if the server of a pooled connection is gone, or does not answer.

    A server that ends a connection sends something first. So if the server has just answered on this connection and
    has sent nothing since, it is not asked: the question would take as long as the statement of a page.
    """
    if time.monotonic() - connection.answered_at > SURE_SECONDS or _has_news(connection):
        ConnectionPool.check_connection(connection)


def _has_news(connection: Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _rows(connection: Any, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement on a pooled connection, and give that back."""
    began = time.perf_counter()
    try:
        # Pages are bytes: as text they would be twice as long.
        cursor = psycopg.Cursor(connection)
        return cursor.execute(sql, parameters, prepare=True, binary=True).fetchall()
    finally:
        queries.note(sql, time.perf_counter() - began)
        connection._pool.putconn(connection)


class Plans(PrepareManager):
    """Remembers the statements that a connection has planned, and no others.

    psycopg would also keep the last hundred other statements, with the values in them: some have a megabyte.
    """

    def maybe_add_to_cache(self, query: Any, prep: Prepare, name: bytes) -> Any:
        """Remember a statement if it was planned."""
        return None if prep is Prepare.NO else super().maybe_add_to_cache(query, prep, name)


class MomentLoader(BaseTzLoader):  # type: ignore[misc]  # psycopg's, not in the stubs
    """Reads datetimes of connections in UTC, in a fraction of the time of Django's loader."""

    timezone = UTC

    def load(self, data: Any) -> Any:
        """Return a datetime; what Python can't read as one, such as infinity, is Django's to judge."""
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            return super().load(data)


@lru_cache(maxsize=4)
def _adapters(of_django: AdaptersMap) -> AdaptersMap:
    """Return Django's conversions of values with this one."""
    adapters = AdaptersMap(of_django)
    adapters.register_loader("timestamptz", MomentLoader)
    return adapters


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with a limit on waiting, which reads datetimes faster."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        if pool := settings_dict["OPTIONS"].get("pool"):
            pool |= POOL
            if alias.startswith("replica"):
                pool["connection_class"] = ReplicaConnection
        super().__init__(settings_dict, alias)

    @property
    def pool(self) -> Any:
        """Django's pool with a check of our own, which Django does not let anybody choose."""
        pool = super().pool
        if pool is not None and pool._check is not None:
            pool._check = check_answers
        return pool

    def read_alone(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that only reads, planned once, on a pooled connection that nothing else uses.

        Without Django's cursor and its state for each connection it takes a third of the time. If the connection
        breaks, the statement is sent once more.
        """
        connection = self._at_once()
        try:
            return _rows(connection, sql, parameters)
        except psycopg.Error as error:
            # A server that does not answer would not do so in twice the time.
            if not isinstance(error, psycopg.OperationalError) or connection.is_silent or not connection.closed:
                with self.wrap_database_errors:
                    raise
        with self.wrap_database_errors:
            return _rows(self._at_once(), sql, parameters)

    def _at_once(self) -> Any:
        """Return what get_new_connection() returns, in a quarter of the time if nothing is wrong."""
        pool = self._connection_pools.get(self.alias)  # type: ignore[attr-defined]  # not in the stubs
        if pool is not None and replicas.chosen() is None and not outage.is_known:
            with contextlib.suppress(PoolTimeout, PoolClosed), replicas.limited(ASK_POOL_SECONDS):
                return pool.getconn()
        with self.wrap_database_errors:
            return self.get_new_connection(self.get_connection_params())

    def _configure_connection(self, connection: Any) -> Any:
        # Django calls it once for each connection, whether it is pooled or not.
        plans = Plans()
        plans.prepare_threshold = connection.prepare_threshold
        connection._prepared = plans
        return super()._configure_connection(connection)  # type: ignore[misc]  # not in the stubs

    def get_connection_params(self) -> dict[str, Any]:
        """Return what Django connects with."""
        params: dict[str, Any] = super().get_connection_params()
        if self.timezone is UTC:
            params["context"] = _adapters(params["context"])
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a pooled connection within WAIT_SECONDS, or raise psycopg.OperationalError.

        It raises at once while the database is known to be away.
        """
        if not self.pool or self.alias != DEFAULT_DB_ALIAS:
            return super().get_new_connection(conn_params)
        if (connection := self._of_replica()) is not None:
            return connection
        seconds = outage.seconds_to_wait()
        try:
            connection = self._from_pool(conn_params, seconds)
        except DatabaseAway:
            raise
        except psycopg.Error as error:
            reason = (isinstance(error, PoolTimeout) and outage.reason) or str(error)
            outage.went_away(reason)
            raise psycopg.OperationalError(reason) from None
        outage.came_back()
        return connection

    def _of_replica(self) -> Any:
        """Return a connection to the replica that answers this request; None if none does."""
        if (alias := replicas.chosen()) is None:
            return None
        replica = connections[alias]
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        try:
            with replicas.limited(ASK_POOL_SECONDS):
                return replica.get_new_connection(replica.get_connection_params())
        except psycopg.Error as error:
            replicas.leave(alias, str(error))
            return None

    def _from_pool(self, conn_params: dict[str, Any], seconds: float) -> Any:
        until = time.monotonic() + seconds
        try:
            return self._asked_once(conn_params, until)
        except PoolTimeout:
            # Only one request at a time tries whether the database is back, and briefly.
            waiting = outage.waiting() if seconds == WAIT_SECONDS else contextlib.nullcontext()
        with waiting:
            while True:
                try:
                    return self._asked_once(conn_params, until)
                except PoolTimeout:
                    if time.monotonic() >= until:
                        raise

    def _asked_once(self, conn_params: dict[str, Any], until: float) -> Any:
        """Return a pooled connection, with a limit on the pool's check that it still answers."""
        with replicas.limited(min(until - time.monotonic(), ASK_POOL_SECONDS)):
            return super().get_new_connection(conn_params)
