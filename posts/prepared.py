"""Queries whose SQL is made once, and on PostgreSQL planned once by each connection. For a page that is asked for a
thousand times a second, writing and planning the statement takes ten times as long as answering it."""

import contextlib
import copy
import datetime
from types import SimpleNamespace

from django.db import connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models.query import ModelIterable
from psycopg import ClientCursor

# They stand where the values will; nothing on a site looks like them.
ANY_TEXT = "\x01any"
ANY_NUMBER = -7_310_577_000_000_000_001
ANY_MOMENT = datetime.datetime(1001, 2, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


class Prepared:
    """A queryset in which some values change: ANY_TEXT, ANY_NUMBER and ANY_MOMENT, wherever they stand among the
    parameters.

    Gives the same objects as the queryset itself would, related ones and annotations too. The SQL is that of the
    engine and settings at hand when it is made.
    """

    def __init__(self, queryset):
        self._alias = queryset.db
        self._compiler = queryset.query.get_compiler(self._alias)
        self._sql, parameters = self._compiler.as_sql()
        adapt = connections[self._alias].ops.adapt_datetimefield_value
        marks = {"text": ANY_TEXT, "number": ANY_NUMBER, "moment": adapt(ANY_MOMENT)}
        self._parameters = [
            (next((name for name, mark in marks.items() if mark == parameter), None), parameter)
            for parameter in parameters
        ]
        self._names = {name for name, _ in self._parameters if name}
        if not self._names:
            raise ValueError("a prepared query needs the place of a value among its parameters")

    def objects(self, **values):
        """A list of the objects with these values (text, number, moment: those that the queryset has places for)."""
        if values.keys() != self._names:
            raise ValueError(f"this query takes {', '.join(sorted(self._names))}")
        connection = connections[self._alias]
        if "moment" in values:
            values["moment"] = connection.ops.adapt_datetimefield_value(values["moment"])
        parameters = tuple(values[name] if name else parameter for name, parameter in self._parameters)
        # Threads share what was made, never the connection.
        compiler = copy.copy(self._compiler)
        compiler.connection = connection
        compiler.execute_sql = lambda **options: [_rows(connection, self._sql, parameters)]
        # All that Django's own way from rows to objects asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        ready = SimpleNamespace(db=self._alias, query=query, _known_related_objects={})
        return list(ModelIterable(ready))

    def first(self, **values):
        """The first of `objects`, or None."""
        return next(iter(self.objects(**values)), None)


def _rows(connection, sql, parameters):
    with _cursor(connection) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


@contextlib.contextmanager
def _cursor(connection):
    """A cursor that has the engine keep the plans of its statements, where settings.DATABASES lets it."""
    if connection.vendor != "postgresql":  # SQLite's driver keeps them by itself
        with connection.cursor() as cursor:
            yield cursor
        return
    connection.ensure_connection()
    kind = _LoggedCursor if connection.queries_logged else _PlanningCursor
    with connection.wrap_database_errors, kind(connection.connection) as cursor:
        yield connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor)


class _PlanningCursor(ServerBindingCursor):
    """Sends values apart from the statement, which the server then plans once and knows by a name."""

    def execute(self, query, params=None, **options):
        return super().execute(query, params, prepare=True, **options)


class _LoggedCursor(_PlanningCursor):
    """Keeps the statement with its values where Django's log of queries reads it."""

    def execute(self, query, params=None, **options):
        super().execute(query, params, **options)
        self._query = SimpleNamespace(query=ClientCursor(self.connection).mogrify(query, params).encode())
        return self
