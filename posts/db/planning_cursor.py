"""Cursors with which PostgreSQL keeps the plans of prepared queries. A site on SQLite never loads them."""

from types import SimpleNamespace
from typing import Any, Self

from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg import ClientCursor


class PlanningCursor(ServerBindingCursor):
    """Sends values separately from the statement, so that the server plans it once under a name."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        super().execute(query, params, prepare=True, **options)  # type: ignore[misc]  # psycopg's, not in the stubs
        return self


class LoggedCursor(PlanningCursor):
    """Records the statement with its values for Django's query log."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        super().execute(query, params, **options)
        connection = self.connection  # type: ignore[attr-defined]  # psycopg's, not in the stubs
        self._query = SimpleNamespace(query=ClientCursor(connection).mogrify(query, params).encode())
        return self
