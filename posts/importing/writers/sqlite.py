from collections.abc import Iterable
from itertools import chain

from django.db.models import Model

from posts.importing.writers.base import BatchWriter
from posts.importing.writers.rows import DriverRow, Table

# Below 999, the limit of the oldest builds of SQLite.
VALUES_OF_A_STATEMENT = 900


class SQLiteWriter(BatchWriter):
    """Uses prepared statements for many rows. The caller's transaction holds the write lock from its start."""

    def take_ids(self, model: type[Model], count: int) -> range:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
            row = cursor.fetchone()
        first = (row[0] if row else 0) + 1
        return range(first, first + count)

    def insert(self, table: Table, rows: Iterable[DriverRow]) -> None:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        marks = "({})".format(", ".join(["%s"] * len(table.columns)))
        begin = f'INSERT INTO "{table.name}" ({columns}) VALUES '  # noqa: S608 (our own column names)
        # The driver gives up Python's lock once a statement and gets it back late while a validation runs in the
        # other thread: use many rows a statement, so that the engine works meanwhile.
        rows = list(rows)
        size = VALUES_OF_A_STATEMENT // len(table.columns)
        whole = len(rows) - len(rows) % size
        sets = [tuple(chain.from_iterable(rows[at : at + size])) for at in range(0, whole, size)]
        with self.connection.cursor() as cursor:
            if sets:
                cursor.executemany(begin + ", ".join([marks] * size), sets)
            if rows[whole:]:
                cursor.executemany(begin + marks, rows[whole:])

    def update(self, table: Table, key: str, rows: Iterable[DriverRow]) -> None:
        at = table.columns.index(key)
        sets = ", ".join(f'"{column}" = %s' for column in table.columns if column != key)
        with self.connection.cursor() as cursor:
            cursor.executemany(
                f'UPDATE "{table.name}" SET {sets} WHERE "{key}" = %s',  # noqa: S608 (our own column names)
                [(*row[:at], *row[at + 1 :], row[at]) for row in rows],
            )
