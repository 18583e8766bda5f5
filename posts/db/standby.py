"""A site on a hot standby of PostgreSQL alone: people can read, and nothing can be saved."""

from django.db import connection


def is_standby() -> bool:
    """Return whether the default connection leads to a standby. The server said so when it connected: no query."""
    if connection.vendor != "postgresql":
        return False
    connection.ensure_connection()
    return bool(connection.connection.info.parameter_status("in_hot_standby") == "on")
