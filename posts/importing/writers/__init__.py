"""Writers put the plan of a chunk into the database in sets; one module per engine with one interface."""

from django.db.backends.base.base import BaseDatabaseWrapper

from posts.importing.writers.base import BatchWriter
from posts.importing.writers.postgresql import PostgreSQLWriter
from posts.importing.writers.sqlite import SQLiteWriter

WRITERS = {"postgresql": PostgreSQLWriter, "sqlite": SQLiteWriter}


def writer_for(connection: BaseDatabaseWrapper) -> BatchWriter:
    """Return the writer for a database connection."""
    return WRITERS[connection.vendor](connection)
