"""Queries whose SQL is compiled once, and on PostgreSQL planned once for each connection.

For a page with a thousand requests a second, compiling and planning take ten times as long as the answer.
"""

import contextlib
import copy
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.sqlite3.base import SQLiteCursorWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.query import ModelIterable

from posts.models.lookups import list_parameter

# Placeholders for the values while the SQL is compiled; nothing on a site looks like them. Numbers fit into 32 bits, as
# the keys of accounts do: Django makes no statement at all for a number that a column can't hold.
_MARKS: dict[type, Callable[[int], Any]] = {
    str: lambda place: f"\x01{place}",
    int: lambda place: -2_110_577_001 - place,
    list: lambda place: [-7_310_577_000_000_000_001 - place],
    datetime.datetime: lambda place: datetime.datetime(1001, 2, 3, 4, 5, 6, place, tzinfo=datetime.UTC),
}


class PreparedQuery:
    """A queryset in which some values change from call to call.

    make: returns the queryset for its values, by name. kinds: the type of each value, name=str, int, datetime, or
    list for the values of an `among`. It returns what the queryset would: objects with related ones and annotations,
    or the rows of a values_list. The SQL is that of the engine and settings when it is compiled.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], **kinds: type) -> None:
        marks = {name: _MARKS[kind](place) for place, (name, kind) in enumerate(kinds.items())}
        queryset = make(**marks)
        self._kinds = kinds
        self._alias = queryset.db
        self._compiler = queryset.query.get_compiler(self._alias)
        sql, parameters = self._compiler.as_sql()
        # The converters of columns are the same for every connection to one engine.
        self._converters = self._compiler.get_converters([column for column, *_ in self._compiler.select])
        adapted = self._adapted(marks)
        self._parameters = [
            (next((name for name, mark in adapted.items() if mark == parameter), None), parameter)
            for parameter in parameters
        ]
        if {name for name, _ in self._parameters if name} != kinds.keys():
            raise ValueError("a prepared query needs each of its values among its parameters")
        if connections[self._alias].vendor == "sqlite":
            sql, self._parameters = _with_literals(sql, self._parameters)
        self._sql = sql

    def _adapted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values in the form in which lookups pass them to this engine."""
        if values.keys() != self._kinds.keys():
            raise ValueError(f"this query takes {', '.join(sorted(self._kinds))}")
        connection = connections[self._alias]
        adapted: dict[str, Any] = {}
        for name, value in values.items():
            if self._kinds[name] is datetime.datetime:
                value = connection.ops.adapt_datetimefield_value(value)
            elif self._kinds[name] is list:
                value = list_parameter(value, connection)
            adapted[name] = value
        return adapted

    def _own_compiler(self) -> Any:
        """Return a compiler for the connection of this thread. Threads share the SQL, never the connection."""
        compiler = copy.copy(self._compiler)
        compiler.connection = connections[self._alias]
        compiler.get_converters = lambda columns: self._converters
        return compiler

    def raw_rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows with these values as the driver gives them, for converted()."""
        adapted = self._adapted(values)
        parameters = tuple(adapted[name] if name else parameter for name, parameter in self._parameters)
        return planned_rows(connections[self._alias], self._sql, parameters)

    def converted(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return what rows() returns, for rows of raw_rows()."""
        return list(self._own_compiler().results_iter([rows], tuple_expected=True))

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns of raw_rows() in a queryset of objects, such as live_approval__claims."""
        compiler = self._compiler
        names = {place: name for name, place in compiler.annotation_col_map.items()}
        names |= _names_of_columns(compiler.klass_info, compiler.select)
        return [names[place] for place in range(len(compiler.select))]

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return a list of the rows (tuples) of a values_list with these values."""
        return self.converted(self.raw_rows(**values))

    def objects(self, **values: Any) -> list[Any]:
        """Return a list of the objects with these values."""
        return self.made_from(self.raw_rows(**values))

    def made_from(self, rows: list[tuple[Any, ...]]) -> list[Any]:
        """Return what objects() returns, for rows of raw_rows()."""
        compiler = self._own_compiler()
        compiler.execute_sql = lambda **options: [rows]
        # All that Django needs of a queryset to turn rows into objects.
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        ready: Any = SimpleNamespace(db=self._alias, query=query, _known_related_objects={})
        return list(ModelIterable(ready))

    def first(self, **values: Any) -> Any:
        """Return the first of objects(), or None."""
        return next(iter(self.objects(**values)), None)


class Prepared:
    """A function that makes a queryset, as a PreparedQuery of each engine from its first call on."""

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], kinds: Mapping[str, type]) -> None:
        self._make, self._kinds = make, kinds
        self._queries: dict[str, PreparedQuery] = {}

    @property
    def query(self) -> PreparedQuery:
        """The PreparedQuery of the engine in use."""
        vendor = connections[DEFAULT_DB_ALIAS].vendor
        if (query := self._queries.get(vendor)) is None:
            query = self._queries[vendor] = PreparedQuery(self._make, **self._kinds)
        return query

    def objects(self, **values: Any) -> list[Any]:
        """Return PreparedQuery.objects() of these values."""
        return self.query.objects(**values)

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return PreparedQuery.rows() of these values."""
        return self.query.rows(**values)

    def first(self, **values: Any) -> Any:
        """Return PreparedQuery.first() of these values."""
        return self.query.first(**values)


def prepared(**kinds: type) -> Callable[[Callable[..., QuerySet[Any, Any]]], Prepared]:
    """Turn a function that makes a queryset of its arguments into a Prepared. kinds: as a PreparedQuery takes them."""
    return lambda make: Prepared(make, kinds)


def _names_of_columns(found: Mapping[str, Any], columns: Sequence[Any], path: str = "") -> dict[int, str]:
    """Return {place: name} of the columns of a model and of the related ones, from Django's compiler."""
    names = {place: f"{path}{columns[place][0].target.attname}" for place in found["select_fields"]}
    for related in found.get("related_klass_infos", ()):
        names |= _names_of_columns(related, columns, f"{path}{related['field'].name}__")
    return names


def _with_literals(sql: str, parameters: Sequence[tuple[str | None, Any]]) -> tuple[str, list[tuple[str | None, Any]]]:
    """Return a statement for SQLite with its constants written in it, and the parameters that are left.

    SQLite compares a parameter with the condition of an index, such as status = 'approved'. If they are equal, it
    compiles the statement again each time that the parameter is set, which takes ten times as long as the answer.
    """
    first, *parts = sql.split("%s")
    written, left = [first], []
    for (name, value), part in zip(parameters, parts, strict=True):
        if name is None and (literal := _literal(value)):
            written += [literal, part]
        else:
            left.append((name, value))
            written += ["%s", part]
    return "".join(written), left


def _literal(value: Any) -> str:
    """Return a constant as SQL of SQLite, "" if it has to stay a parameter."""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str) and value.isprintable():
        return f"'{value}'".replace("%", "%%") if "'" not in value else ""
    return ""


def planned_rows(connection: Any, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that is asked repeatedly with different values."""
    with _cursor(connection) as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def planned(connection: Any, sql: str, parameters: Sequence[Any]) -> None:
    """Run a statement without rows that is run repeatedly with different values."""
    with _cursor(connection) as cursor:
        cursor.execute(sql, parameters)


@contextlib.contextmanager
def _cursor(connection: Any) -> Iterator[CursorWrapper]:
    """Return a cursor that lets the engine keep query plans, if settings.DATABASES allows it."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        if connection.vendor == "sqlite":  # its driver keeps plans itself, by the text of the statement
            cursor: Any = connection.connection.cursor(factory=_KnownCursor)
        else:
            # Imported here, because it loads the driver.
            from posts.db.planning_cursor import LoggedCursor, PlanningCursor

            kind: Any = LoggedCursor if connection.queries_logged else PlanningCursor
            cursor = kind(connection.connection)
        make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
        with contextlib.closing(cursor):
            yield make(cursor)


class _KnownCursor(SQLiteCursorWrapper):
    """Turns Django's placeholders into those of SQLite once for each statement."""

    def convert_query(self, query: str, *, param_names: Any = None) -> str:
        return _converted(query) if param_names is None else super().convert_query(query, param_names=param_names)


@lru_cache(maxsize=256)
def _converted(query: str) -> str:
    return query.replace("%%", "\0").replace("%s", "?").replace("\0", "%")
