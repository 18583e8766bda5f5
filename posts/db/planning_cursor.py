"""Cursors with which PostgreSQL keeps the plans of prepared queries. A site on SQLite never loads them."""

from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Self

from psycopg import ClientCursor, RawCursor


class PlanningCursor(RawCursor[Any]):
    """Sends values separately from the statement, so that the server plans it once under a name.

    It numbers the placeholders itself, once for each statement. The driver does so each time for statements of more
    than 4 kB, which takes longer than many an answer. Values come back in the binary format, which is read faster.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        return super().execute(_numbered(query), params, prepare=True, binary=True, **options)


class LoggedCursor(PlanningCursor):
    """Records the statement with its values for Django's query log."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        super().execute(query, params, **options)
        self._query: Any = SimpleNamespace(query=ClientCursor(self.connection).mogrify(query, params).encode())
        return self


@lru_cache(maxsize=256)
def _numbered(query: str) -> str:
    """Return a statement with PostgreSQL's placeholders ($1) instead of Django's (%s)."""
    first, *parts = query.replace("%%", "\0").split("%s")
    numbered = "".join(f"${place}{part}" for place, part in enumerate(parts, 1))
    return f"{first}{numbered}".replace("\0", "%")
