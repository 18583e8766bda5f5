from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from django.db.models import Model

from posts.db.prepared_query import planned, planned_rows
from posts.importing.writers.base import BatchWriter
from posts.importing.writers.rows import DriverRow, Table

# The images of one record, for example. Each number of rows has a plan of its own.
FEW_ROWS = 20


class PostgreSQLWriter(BatchWriter):
    """Uses COPY into the tables for new rows, and COPY into a staging table and one UPDATE for changed ones.

    The few rows of a single record go in with statements that the server has planned before.
    """

    def take_ids(self, model: type[Model], count: int) -> list[int]:
        sql = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        return [number for (number,) in planned_rows(self.connection, sql, [model._meta.db_table, count])]

    def insert(self, table: Table, rows: Iterable[DriverRow]) -> None:
        rows = iter(rows)
        first = list(islice(rows, FEW_ROWS + 1))
        if len(first) <= FEW_ROWS:
            columns = ", ".join(f'"{column}"' for column in table.columns)
            marks = ", ".join([f"({', '.join(['%s'] * len(table.columns))})"] * len(first))
            sql = f'INSERT INTO "{table.name}" ({columns}) VALUES {marks}'  # noqa: S608 (our own column names)
            planned(self.connection, sql, list(chain.from_iterable(first)))
            return
        with self.connection.cursor() as cursor:
            self._copy(cursor, table.name, table.columns, chain(first, rows))

    def update(self, table: Table, key: str, rows: Iterable[DriverRow]) -> None:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        sets = ", ".join(f'"{column}" = staged."{column}"' for column in table.columns if column != key)
        with self.connection.cursor() as cursor:
            # A staging table of this transaction alone, so that nothing stays behind.
            cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
            cursor.execute(
                f'CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM "{table.name}" WITH NO DATA'  # noqa: S608
            )
            self._copy(cursor, "staged", table.columns, rows)
            cursor.execute(
                f'UPDATE "{table.name}" SET {sets} FROM staged WHERE "{table.name}"."{key}" = staged."{key}"'  # noqa: S608
            )

    def _copy(self, cursor: Any, name: str, columns: list[str], rows: Iterable[DriverRow]) -> None:
        listed = ", ".join(f'"{column}"' for column in columns)
        # Django converts errors of execute(), but not of copy().
        with self.connection.wrap_database_errors, cursor.copy(f'COPY "{name}" ({listed}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
