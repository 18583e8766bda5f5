from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeGuard

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model

from posts.db.prepared_query import planned, planned_rows
from posts.importing.writers.base import BatchWriter, asks_for_person
from posts.importing.writers.copied_rows import BEGIN, END, RowEncoder, beginning, in_parts
from posts.importing.writers.rows import (
    CHILDREN,
    MADE_OF_POST,
    MADE_OF_REVISION,
    SIZE,
    Columns,
    CopiedRows,
    DriverRow,
    Encode,
    Table,
    child_columns,
    record_columns,
)
from posts.models import Post, Revision
from posts.records.versions import first_version

if TYPE_CHECKING:
    from posts.importing.plan import Incoming, NewPost

# Columns of which each new post, and its revision, has a value that only the database or the site knows.
OWN_OF_POST = ("id", "slug", "held", "head_revision_id", "known_generator_id")
OWN_OF_REVISION = ("id", "post_id")
# The images of one record, for example. Each number of rows has a plan of its own.
FEW_ROWS = 20


def encoder_of_records(connection: BaseDatabaseWrapper) -> Encode:
    """Return the function that makes rows for COPY of new posts. It uses no database."""
    post = RowEncoder(_fields(Post, [*MADE_OF_POST, *record_columns()]), connection)
    revision = RowEncoder(_fields(Revision, MADE_OF_REVISION[:-1]), connection)
    image, item = (RowEncoder(_fields(model, child_columns(model)[1:]), connection) for model, _ in CHILDREN)

    def encode(new: Sequence["Incoming"]) -> list[CopiedRows]:
        columns = [incoming.rows.columns for incoming in new]
        made = map(_made_of_post, new)
        posts = post.values([(*own, *rows.post.values()) for own, rows in zip(made, columns, strict=True)])
        revisions = revision.values([(first_version(incoming.rows.brief), incoming.fingerprint) for incoming in new])
        images = iter(image.values([row for rows in columns for row in rows.images]))
        items = iter(item.values([row for rows in columns for row in rows.items]))
        return [
            CopiedRows(
                of_post,
                b"".join((of_revision, SIZE.pack(len(json := incoming.rows.json)), json)),
                list(islice(images, len(rows.images))),
                list(islice(items, len(rows.items))),
            )
            for of_post, of_revision, incoming, rows in zip(posts, revisions, new, columns, strict=True)
        ]

    return encode


def _made_of_post(incoming: "Incoming") -> DriverRow:
    return (incoming.source_id, incoming.fingerprint, incoming.line_hash, asks_for_person(incoming.rows.brief))


def _are_all(copied: list[CopiedRows | None]) -> TypeGuard[list[CopiedRows]]:
    return None not in copied


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

    def insert_new(self, new: list[tuple["NewPost", int, int]]) -> None:
        copied = [item.incoming.rows.copied for item, *_ in new]
        if not _are_all(copied):
            super().insert_new(new)
            return
        # What the checks don't know: the same for all of them, or of each.
        post, revision = self._new_rows(*new[0])
        posts = [
            (post_id, item.slug, bool(item.incoming.holds), revision_id, self.generator_of(item.incoming))
            for item, post_id, revision_id in new
        ]
        made = [*MADE_OF_POST, *record_columns()]
        self._copy_made(Post, post, OWN_OF_POST, posts, made, [rows.post for rows in copied])
        keys = [(revision_id, post_id) for _, post_id, revision_id in new]
        self._copy_made(Revision, revision, OWN_OF_REVISION, keys, MADE_OF_REVISION, [rows.revision for rows in copied])
        for model, kind in CHILDREN:
            table = Table(model, self.connection, child_columns(model))
            children = [(post_id, getattr(rows, kind)) for rows, (_, post_id, _) in zip(copied, new, strict=True)]
            self._copy(table.name, table.columns, self._blocks_of_children(table, children))

    def _copy_made(
        self,
        model: type[Model],
        first: Columns,
        own_names: Sequence[str],
        own: Sequence[DriverRow],
        made_names: Sequence[str],
        made: Sequence[bytes],
    ) -> None:
        """Copy rows whose last columns the checks have made. own: what each row has of its own.

        first: the columns of the first row, from which all others are taken: they are the same in all rows.
        """
        table = Table(model, self.connection, first.keys() - set(own_names) - set(made_names))
        own_fields, made_fields = _fields(model, own_names), _fields(model, made_names)
        columns = [*table.columns, *(str(field.column) for field in [*own_fields, *made_fields])]
        begin = beginning(len(columns)) + self._encoder(table).values(table.rows([first]))[0]
        encoder = RowEncoder(own_fields, self.connection)

        def blocks() -> Iterator[bytes]:
            for part in in_parts(list(zip(own, made, strict=True))):
                values = encoder.values([row for row, _ in part])
                yield b"".join([begin + own + made for own, (_, made) in zip(values, part, strict=True)])

        self._copy(table.name, columns, blocks())

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
