"""The identities that a run has seen, in a file, so that memory stays flat for any number of records."""

import contextlib
import sqlite3
from collections.abc import Iterable


class SeenIds(contextlib.AbstractContextManager["SeenIds"]):
    """The first line of every identity of one run, in a temporary file."""

    def __init__(self) -> None:
        # Without a name SQLite uses a file that disappears with the process.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE seen (source_id TEXT PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID")

    def first_lines(self, source_ids: Iterable[str]) -> dict[str, int]:
        """Return {source_id: line} of those seen before."""
        wanted = list(source_ids)
        marks = ",".join("?" * len(wanted))
        query = f"SELECT source_id, line FROM seen WHERE source_id IN ({marks})"  # noqa: S608 (only question marks)
        return dict(self._database.execute(query, wanted))

    def add(self, lines: dict[str, int]) -> None:
        """Store {source_id: line}; an identity keeps its first line."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", lines.items())
        self._database.execute("COMMIT")

    def __exit__(self, *exception: object) -> None:
        self._database.close()
