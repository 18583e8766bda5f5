"""Writers put the plan of a chunk into the database in sets; one module per engine with one interface."""

from posts.importing.writers.postgresql import PostgreSQLWriter
from posts.importing.writers.sqlite import SQLiteWriter

WRITERS = {"postgresql": PostgreSQLWriter, "sqlite": SQLiteWriter}


def writer_for(connection):
    """Return the writer for a database connection."""
    return WRITERS[connection.vendor](connection)
