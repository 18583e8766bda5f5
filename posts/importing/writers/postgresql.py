from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from posts.importing.writers.base import BatchWriter
from posts.importing.writers.rows import DriverRow, Table


class PostgreSQLWriter(BatchWriter):
    """Uses COPY into the tables for new rows, and COPY into a staging table and one UPDATE for changed ones."""

    def take_ids(self, model: type[Model], count: int) -> list[int]:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [model._meta.db_table, count],
            )
            return [row[0] for row in cursor]

    def insert(self, table: Table, rows: Iterable[DriverRow]) -> None:
        with self.connection.cursor() as cursor:
            self._copy(cursor, table.name, table.columns, rows)

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
