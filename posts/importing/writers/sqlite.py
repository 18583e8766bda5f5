from posts.importing.writers.base import BatchWriter


class SQLiteWriter(BatchWriter):
    """Prepared statements over many rows. The caller's transaction holds the write lock from its start."""

    def take_ids(self, model, count):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
            row = cursor.fetchone()
        first = (row[0] if row else 0) + 1
        return range(first, first + count)

    def insert(self, table, rows):
        columns = ", ".join(f'"{column}"' for column in table.columns)
        marks = ", ".join(["%s"] * len(table.columns))
        with self.connection.cursor() as cursor:
            cursor.executemany(f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})', rows)  # noqa: S608

    def update(self, table, key, rows):
        at = table.columns.index(key)
        sets = ", ".join(f'"{column}" = %s' for column in table.columns if column != key)
        with self.connection.cursor() as cursor:
            cursor.executemany(
                f'UPDATE "{table.name}" SET {sets} WHERE "{key}" = %s',  # noqa: S608 (our own column names)
                [(*row[:at], *row[at + 1 :], row[at]) for row in rows],
            )
