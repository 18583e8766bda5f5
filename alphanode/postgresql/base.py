"""The database engine. It differs from Django's mostly for pooled connections, those of web processes.

Server settings end statements that take too long, and network settings end connections to machines that are gone.
Neither helps if the server is there and does not answer, because its system still acknowledges packets. So the client
counts the seconds and closes the connection.
"""

import contextlib
import select
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg import pq
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

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._input = select.poll()
        self._input.register(self.fileno(), select.POLLIN)

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
        try:
            answer = super().wait(gen, *arguments, **{"timeout": self._seconds_to_wait()} | options)
            self.answered_at = time.monotonic()
            return answer
        except _WaitTimeout:
            raise self._silence() from None

    def _seconds_to_wait(self) -> float:
        until = replicas.until.get()
        return self.answer_seconds if until is None else max(0.01, until - time.monotonic())

    def _silence(self) -> psycopg.OperationalError:
        """Close this connection, because no answer came; return the error to raise."""
        reason = "the server did not answer in time"
        # The query may still be running there: this connection is unusable.
        self.is_silent = True
        self.close()
        if replicas.until.get() is None:
            self.on_silence(reason)
        return psycopg.OperationalError(reason)

    def has_news(self) -> bool:
        """Return whether the server has sent something that nobody has read."""
        return bool(self._input.poll(0))

    def planned_rows(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """Return the rows of a statement outside of a transaction, planned once.

        It asks the library of PostgreSQL itself, which takes half of the time of a cursor. None: plans are not kept,
        this one is no longer good, or values have other types. Then a cursor has to ask.
        """
        plans: Any = self._prepared
        if plans.prepare_threshold is None:
            return None
        key = _key_of_plan(sql)
        if (name := plans.name_of(key)) is None:
            name = plans.new_name()
            self.pgconn.send_prepare(name, key[0])
            if (result := self._result()).status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
            plans.add(key, name)
        values = [None if value is None else str(value).encode() for value in parameters]
        self.pgconn.send_query_prepared(name, values, result_format=pq.Format.BINARY)
        result = self._result()
        if result.status != pq.ExecStatus.TUPLES_OK:
            plans.forget(key)
            if result.error_field(pq.DiagnosticField.SQLSTATE) in _PLAN_IS_GONE:
                return None
            raise psycopg.errors.error_from_result(result)
        readers = [_READERS.get(result.ftype(column)) for column in range(result.nfields)]
        if None in readers:
            return None
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else read(value)  # type: ignore[misc]
                for column, read in enumerate(readers)
            )
            for row in range(result.ntuples)
        ]

    def _result(self) -> pq.abc.PGresult:
        """Return the only result of what was sent, within the same time as wait()."""
        connection, found = self.pgconn, []
        end = time.monotonic() + self._seconds_to_wait()
        while connection.flush():
            if time.monotonic() > end:
                raise self._silence()
            select.select([], [self], [], 0.01)
        while True:
            while connection.is_busy():
                if not self._input.poll(max(0, end - time.monotonic()) * 1000):
                    raise self._silence()
                connection.consume_input()
            if (result := connection.get_result()) is None:
                break
            found.append(result)
        self.answered_at = time.monotonic()
        return found[0]

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
    if time.monotonic() - connection.answered_at > SURE_SECONDS or connection.has_news():
        ConnectionPool.check_connection(connection)


def _rows(connection: Any, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement on a pooled connection, and give that back."""
    began = time.perf_counter()
    try:
        if (rows := connection.planned_rows(sql, parameters)) is None:
            # Pages are bytes: as text they would be twice as long.
            cursor = psycopg.Cursor(connection)
            rows = cursor.execute(sql, parameters, prepare=True, binary=True).fetchall()
        found: list[tuple[Any, ...]] = rows
        return found
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

    # For plans that no cursor has made. What ends those of cursors ends them as well.

    def name_of(self, key: Any) -> bytes | None:
        """Return the name of a plan, and note that it is used; None if there is none."""
        if (name := self._names.get(key)) is not None:
            self._names.move_to_end(key)
        return name

    def new_name(self) -> bytes:
        """Return a name that no plan of this connection has or had."""
        self._prepared_idx += 1
        return f"_pg3_{self._prepared_idx - 1}".encode()

    def add(self, key: Any, name: bytes) -> None:
        """Remember a plan."""
        self._names[key] = name

    def forget(self, key: Any) -> None:
        """Forget a plan that the server has refused, or no longer has."""
        self._names.pop(key, None)


@lru_cache(maxsize=64)
def _key_of_plan(sql: str) -> tuple[bytes, tuple[int, ...]]:
    """Return what identifies a plan: the statement with PostgreSQL's places for values, which have no types."""
    first, *parts = sql.split("%s")
    return "".join([first, *(f"${place}{part}" for place, part in enumerate(parts, 1))]).encode(), ()


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


# Somebody has let the server forget its plans, or a migration has changed what the statement returns.
_PLAN_IS_GONE = (b"26000", b"0A000")
# How values in the binary format are read: bytea, bigint, integer, text, json, varchar, by their numbers in pg_type.
_READERS: dict[int, Callable[[bytes], Any]] = {
    17: bytes, 20: _number, 23: _number, 25: bytes.decode, 114: bytes.decode, 1043: bytes.decode
}  # fmt: skip


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

        Without the cursors of Django and of the driver it takes a sixth of the time. If the connection
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
