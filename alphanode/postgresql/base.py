"""The database engine. It differs from Django's only for pooled connections, those of web processes.

Server settings end statements that take too long, and network settings end connections to machines that are gone.
Neither helps if the server is there and does not answer, because its system still acknowledges packets. So the client
counts the seconds and closes the connection.
"""

import contextlib
import time
from typing import Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base
from psycopg.errors import _WaitTimeout
from psycopg_pool import PoolTimeout

from alphanode.postgresql import replicas
from alphanode.postgresql.outage import WAIT_SECONDS, DatabaseAway, outage

# Longer than the server's statement limit (settings.DATABASES): no answer until then means that none will come.
ANSWER_SECONDS = 4.5
REPLICA_SECONDS = 2.0


class Connection(psycopg.Connection):
    """A connection that closes if the server does not answer in time."""

    answer_seconds = ANSWER_SECONDS

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
            return super().wait(gen, *arguments, **{"timeout": seconds} | options)
        except _WaitTimeout:
            reason = "the server did not answer in time"
            # The query may still be running there: this connection is unusable.
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


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with a limit on waiting."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        if pool := settings_dict["OPTIONS"].get("pool"):
            pool |= POOL
            if alias.startswith("replica"):
                pool["connection_class"] = ReplicaConnection
        super().__init__(settings_dict, alias)

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
