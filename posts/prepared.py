"""Queries whose SQL is made once. For a page that is asked for a thousand times a second, Django takes longer to write
the statement than the database takes to answer it."""

import copy
from types import SimpleNamespace

from django.db import connections
from django.db.models.query import ModelIterable

# Stands where the value will; no address looks like it.
ANY = "\x01any"


class Prepared:
    """A queryset with one value in it that changes: the text ANY, wherever it stands among the parameters.

    Gives the same objects as the queryset itself would, related ones and annotations too. The SQL is that of the
    engine and settings at hand when it is made.
    """

    def __init__(self, queryset):
        self._alias = queryset.db
        self._compiler = queryset.query.get_compiler(self._alias)
        self._sql, self._parameters = self._compiler.as_sql()
        if ANY not in self._parameters:
            raise ValueError("a prepared query needs the place of its value among the parameters")

    def first(self, value):
        """The first object with `value` in the place of ANY, or None."""
        parameters = tuple(value if parameter == ANY else parameter for parameter in self._parameters)
        # Threads share what was made, never the connection.
        compiler = copy.copy(self._compiler)
        compiler.connection = connections[self._alias]
        compiler.as_sql = lambda *arguments, **options: (self._sql, parameters)
        # All that Django's own way from rows to objects asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        ready = SimpleNamespace(db=self._alias, query=query, _known_related_objects={})
        return next(iter(ModelIterable(ready)), None)
