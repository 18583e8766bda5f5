"""Conditions on many values at once: in one parameter, or from a query of their own."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigAutoField, BooleanField, CharField, Expression, F, ForeignKey, Lookup
from django.db.models.sql.compiler import SQLCompiler


@BigAutoField.register_lookup
@CharField.register_lookup
@ForeignKey.register_lookup
class Among(Lookup):
    """`source_id__among=[…]`: the same as __in, with the whole list as one parameter.

    An import looks up a thousand texts at a time. Passing each as a parameter costs more than the query, and the
    statement would differ with the number of values.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        among = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608 (Django's own name of the column)
        return among, [*parameters, list_parameter(self.rhs, connection)]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list_parameter(self.rhs, connection)]


def list_parameter(values: Iterable[Any], connection: BaseDatabaseWrapper) -> Any:
    """Return a list as one query parameter for the engine of `connection`."""
    values = list(values)
    if connection.vendor == "sqlite":
        return json.dumps(values)
    # In PostgreSQL's array form; the driver would convert each value by itself.
    kinds = set(map(type, values))
    if kinds <= {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds <= {str}:
        return "{" + ",".join([f'"{_escaped(value)}"' for value in values]) + "}"
    return values


def _escaped(text: str) -> str:
    """Return the text of a value within quotes in PostgreSQL's array form."""
    if "\\" in text or '"' in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


class KeyIsAmong(Expression):
    """Whether the primary key of a row is among those that a statement of its own finds, for filter().

    The statement runs first, and each row is then looked up. For an IN, PostgreSQL would guess how many rows of the
    table fit its other conditions, and read all of it where the guess is low.
    """

    output_field = BooleanField()

    def __init__(self, sql: str, values: Sequence[Any]) -> None:
        super().__init__()
        self.key: Any = F("pk")
        self.sql, self.values = sql, tuple(values)

    def get_source_expressions(self) -> list[Any]:
        return [self.key]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.key,) = exprs

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **options: Any
    ) -> tuple[str, tuple[Any, ...]]:
        column, parameters = compiler.compile(self.key)
        among = f"IN ({self.sql})" if connection.vendor == "sqlite" else f"= ANY(ARRAY({self.sql}))"
        return f"{column} {among}", (*parameters, *self.values)
