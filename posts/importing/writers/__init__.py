"""Writers put the plan of a chunk into the database in sets; one module per engine with one interface."""

from django.db.backends.base.base import BaseDatabaseWrapper

from posts.importing.writers.base import BatchWriter
from posts.importing.writers.postgresql import PostgreSQLWriter, encoder_of_records
from posts.importing.writers.rows import Encode
from posts.importing.writers.sqlite import SQLiteWriter

WRITERS = {"postgresql": PostgreSQLWriter, "sqlite": SQLiteWriter}


def writer_for(connection: BaseDatabaseWrapper) -> BatchWriter:
    """Return the writer for a database connection."""
    return WRITERS[connection.vendor](connection)


def encoder_for(connection: BaseDatabaseWrapper) -> Encode | None:
    """Return what makes rows of a new post ready to be written, where the checks are; None if the engine wants none."""
    return encoder_of_records(connection) if connection.vendor == "postgresql" else None
