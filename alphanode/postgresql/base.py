"""The engine itself. Only connections of a pool are treated in another way than Django's: those of web processes.

Settings of the server end a statement that takes too long, and those of the network a connection to a machine that is
gone. Neither helps against a server that is there and does not answer: its system goes on acknowledging what arrives.
So the client counts the seconds itself, and hangs up.
"""

import contextlib
import threading
import time

import psycopg
from django.db.backends.postgresql import base
from psycopg.errors import _WaitTimeout
from psycopg_pool import PoolTimeout

from alphanode.postgresql.outage import WAIT_SECONDS, DatabaseAway, outage

# Longer than the server lets a statement run (settings.DATABASES): who hears nothing until then hears nothing at all.
ANSWER_SECONDS = 4.5
_this_thread = threading.local()


class Connection(psycopg.Connection):
    """A connection that hangs up when the server does not answer in time."""

    @classmethod
    def connect(cls, *arguments, **options):
        """As it always is; what kept it from connecting is remembered for the log."""
        try:
            return super().connect(*arguments, **options)
        except psycopg.Error as error:
            outage.reason = str(error).strip().partition("\n")[0]
            raise

    def wait(self, gen, *arguments, **options):
        """Wait for an answer, ANSWER_SECONDS at most."""
        until = getattr(_this_thread, "until", None)
        seconds = ANSWER_SECONDS if until is None else max(0.01, until - time.monotonic())
        try:
            return super().wait(gen, *arguments, **{"timeout": seconds} | options)
        except _WaitTimeout:
            reason = "the server did not answer in time"
            # What was asked may still be under way there: nothing can be said on this line any more.
            self.close()
            if until is None:
                outage.went_away(reason)
            raise psycopg.OperationalError(reason) from None


# A pool takes longer and longer pauses between its tries to connect, but for one that gave up: that is asked again and
# begins at once.
ASK_POOL_SECONDS = 0.5
POOL = {"connection_class": Connection, "timeout": ASK_POOL_SECONDS, "reconnect_timeout": 0.2}


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with an end to waiting."""

    def __init__(self, settings_dict, *arguments, **options):
        if pool := settings_dict["OPTIONS"].get("pool"):
            pool |= POOL
        super().__init__(settings_dict, *arguments, **options)

    def get_new_connection(self, conn_params):
        """A connection of the pool within WAIT_SECONDS, or psycopg.OperationalError; at once while the database is
        known to be away."""
        if not self.pool:
            return super().get_new_connection(conn_params)
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

    def _from_pool(self, conn_params, seconds):
        until = time.monotonic() + seconds
        try:
            return self._asked_once(conn_params, until)
        except PoolTimeout:
            # One that tries whether the database is back is alone in that, and soon done.
            waiting = outage.waiting() if seconds == WAIT_SECONDS else contextlib.nullcontext()
        with waiting:
            while True:
                try:
                    return self._asked_once(conn_params, until)
                except PoolTimeout:
                    if time.monotonic() >= until:
                        raise

    def _asked_once(self, conn_params, until):
        """The pool looks whether a connection still answers before it gives it away; that look has an end too."""
        _this_thread.until = min(until, time.monotonic() + ASK_POOL_SECONDS)
        try:
            return super().get_new_connection(conn_params)
        finally:
            _this_thread.until = None
