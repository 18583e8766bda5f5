from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from posts.search import postgresql, sqlite
from posts.search.document import Document
from posts.search.query_parser import Query, Wish


class Engine(Protocol):
    """What the module of an engine offers."""

    def write(self, cursor: CursorWrapper, documents: Iterable[tuple[int, Document]]) -> None: ...
    def forget(self, cursor: CursorWrapper, numbers: Iterable[int]) -> None: ...
    def scrub(self, cursor: CursorWrapper) -> None: ...
    def orphans(self, cursor: CursorWrapper) -> list[int]: ...
    def plan(self, cursor: CursorWrapper, query: Query, wishes: Sequence[Wish]) -> Sequence[Any]: ...
    def find(
        self, cursor: CursorWrapper, query: Query, planned: Any, *, is_ranked: bool
    ) -> list[tuple[int, float]]: ...
    def which_find(self, cursor: CursorWrapper, queries: Sequence[Query]) -> list[bool]: ...


ENGINES: dict[str, Engine] = {"sqlite": sqlite, "postgresql": postgresql}


def engine_for(connection: BaseDatabaseWrapper) -> Engine:
    """Return the module that searches on the engine of a database connection: write, forget, plan, find."""
    return ENGINES[connection.vendor]
