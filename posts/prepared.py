"""Queries whose SQL is made once. For a page that is asked for a thousand times a second, Django takes longer to write
the statement than the database takes to answer it."""

import copy
import datetime
from types import SimpleNamespace

from django.db import connections
from django.db.models.query import ModelIterable

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
        compiler.as_sql = lambda *arguments, **options: (self._sql, parameters)
        # All that Django's own way from rows to objects asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        ready = SimpleNamespace(db=self._alias, query=query, _known_related_objects={})
        return list(ModelIterable(ready))

    def first(self, **values):
        """The first of `objects`, or None."""
        return next(iter(self.objects(**values)), None)
