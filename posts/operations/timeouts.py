import contextlib

from django.db import connection, transaction


@contextlib.contextmanager
def long_statement_timeout():
    """More time for the database than a web process has otherwise, for what looks at all posts of a large import or of
    the site. On SQLite nothing has to be asked for, and a transaction would take the place of a writer."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        yield
