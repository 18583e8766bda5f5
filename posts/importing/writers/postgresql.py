from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model

from posts.db.prepared_query import planned, planned_rows
from posts.importing.writers.base import BatchWriter
from posts.importing.writers.copied_rows import BEGIN, END, RowEncoder, beginning, in_parts
from posts.importing.writers.rows import (
    CHILDREN,
    Columns,
    CopiedRows,
    DriverRow,
    Encode,
    RecordColumns,
    RecordRows,
    Table,
    child_columns,
    record_columns,
)
from posts.models import Post

# The images of one record, for example. Each number of rows has a plan of its own.
FEW_ROWS = 20


def encoder_of_records(connection: BaseDatabaseWrapper) -> Encode:
    """Return the function that makes rows for COPY of records' columns. It uses no database."""
    post = RowEncoder(_fields(Post, record_columns()), connection)
    image, item = (RowEncoder(_fields(model, child_columns(model)[1:]), connection) for model, _ in CHILDREN)

    def encode(records: list[RecordColumns]) -> list[CopiedRows]:
        posts = post.values([columns.post.values() for columns in records])
        images = iter(image.values([row for columns in records for row in columns.images]))
        items = iter(item.values([row for columns in records for row in columns.items]))
        return [
            CopiedRows(values, list(islice(images, len(columns.images))), list(islice(items, len(columns.items))))
            for values, columns in zip(posts, records, strict=True)
        ]

    return encode


def _fields(model: type[Model], names: Iterable[str]) -> list["Field[Any, Any]"]:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[name] for name in names]


class PostgreSQLWriter(BatchWriter):
    """Uses COPY into the tables for new rows, and COPY into a staging table and one UPDATE for changed ones.

    The few rows of a single record go in with statements that the server has planned before.
    """

    def take_ids(self, model: type[Model], count: int) -> list[int]:
        # OFFSET 0 keeps the server from looking for the sequence again for each number.
        sql = (
            "SELECT nextval(sequence) FROM generate_series(1, %s),"
            " (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) AS found"
        )
        return [number for (number,) in planned_rows(self.connection, sql, [count, model._meta.db_table])]

    def insert(self, table: Table, rows: Iterable[DriverRow]) -> None:
        rows = list(rows)
        if len(rows) <= FEW_ROWS:
            columns = ", ".join(f'"{column}"' for column in table.columns)
            marks = ", ".join([f"({', '.join(['%s'] * len(table.columns))})"] * len(rows))
            sql = f'INSERT INTO "{table.name}" ({columns}) VALUES {marks}'  # noqa: S608 (our own column names)
            planned(self.connection, sql, list(chain.from_iterable(rows)))
            return
        self._copy(table.name, table.columns, self._encoder(table).blocks(rows))

    def insert_posts(self, posts: list[Columns], records: list[RecordRows]) -> None:
        if any(rows.copied is None for rows in records):
            super().insert_posts(posts, records)
            return
        table = Table(Post, self.connection, posts[0].keys())
        columns = [*table.columns, *(str(field.column) for field in _fields(Post, record_columns()))]
        self._copy(table.name, columns, self._blocks_of_posts(table, len(columns), posts, records))

    def _blocks_of_posts(
        self, table: Table, columns: int, posts: list[Columns], records: list[RecordRows]
    ) -> Iterator[bytes]:
        begin, encoder = beginning(columns), self._encoder(table)
        for part in in_parts(list(zip(posts, records, strict=True))):
            own = encoder.values(table.rows([post for post, _ in part]))
            copied = [rows.copied.post for _, rows in part if rows.copied]
            yield b"".join([begin + first + rest for first, rest in zip(own, copied, strict=True)])

    def insert_children(self, pairs: list[tuple[int, RecordRows]]) -> None:
        if any(rows.copied is None for _, rows in pairs):
            super().insert_children(pairs)
            return
        for model, kind in CHILDREN:
            table = Table(model, self.connection, child_columns(model))
            children = [(post_id, getattr(rows.copied, kind)) for post_id, rows in pairs]
            self._copy(table.name, table.columns, self._blocks_of_children(table, children))

    def _blocks_of_children(self, table: Table, children: list[tuple[int, list[bytes]]]) -> Iterator[bytes]:
        begin, encoder = beginning(len(table.columns)), RowEncoder(table.fields[:1], self.connection)
        for part in in_parts(children):
            keys = encoder.values((post_id,) for post_id, _ in part)
            # What begins the rows of a post stands before each of them.
            rows = [(begin + key).join((b"", *values)) for key, (_, values) in zip(keys, part, strict=True) if values]
            yield b"".join(rows)

    def update(self, table: Table, key: str, rows: Iterable[DriverRow]) -> None:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        sets = ", ".join(f'"{column}" = staged."{column}"' for column in table.columns if column != key)
        with self.connection.cursor() as cursor:
            # A staging table of this transaction alone, so that nothing stays behind.
            cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
            cursor.execute(
                f'CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM "{table.name}" WITH NO DATA'  # noqa: S608
            )
            self._copy("staged", table.columns, self._encoder(table).blocks(list(rows)))
            cursor.execute(
                f'UPDATE "{table.name}" SET {sets} FROM staged WHERE "{table.name}"."{key}" = staged."{key}"'  # noqa: S608
            )

    def _encoder(self, table: Table) -> RowEncoder:
        return RowEncoder(table.fields, self.connection)

    def _copy(self, name: str, columns: list[str], blocks: Iterable[bytes]) -> None:
        """Copy encoded rows into a table."""
        listed = ", ".join(f'"{column}"' for column in columns)
        # Django converts errors of execute(), but not of copy().
        with (
            self.connection.cursor() as cursor,
            self.connection.wrap_database_errors,
            cursor.copy(f'COPY "{name}" ({listed}) FROM STDIN (FORMAT BINARY)') as copy,
        ):
            for block in chain((BEGIN,), blocks, (END,)):
                copy.write(block)
