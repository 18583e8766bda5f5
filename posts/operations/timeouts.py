import contextlib
from collections.abc import Iterator

from django.db import connection, transaction


@contextlib.contextmanager
def long_statement_timeout() -> Iterator[None]:
    """Allow longer statements than a web process normally may.

    For what reads all posts of a large import or of the site. On SQLite it does nothing, because a transaction would
    block writers.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        yield
