"""Connection poolers between the site and PostgreSQL: what the settings say of one, and whether that is true.

A pooler that shares sessions between transactions (PgBouncer's transaction mode) is for web processes. It keeps nothing
between two transactions: no settings of a session, no prepared statements, no locks. Workers and commands need these,
and connect to the server itself.

PostgreSQL takes settings with a new connection; a pooler refuses or drops them. So each connection that should be a
session of its own brings one, MARK, and the server says whether it arrived.
"""

import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection

if TYPE_CHECKING:
    import psycopg

MARK = "alphanode.session"
# What web processes may not do without: nothing else ends a statement that takes too long, or a wait for a lock.
LIMITS = {"statement_timeout": "4s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "15s"}
# The client gives up after 4.5 s, and takes a longer statement for a server that hangs.
MOST_MS = {"statement_timeout": 4_400, "lock_timeout": 4_400, "idle_in_transaction_session_timeout": 60_000}
_REFUSED = "unsupported startup parameter"
_NO_TRANSACTIONS = "statement pooling mode"

UNSAID = (
    "DATABASE_URL leads to a connection pooler. Set DATABASE_POOLER=transaction, and DATABASE_DIRECT_URL to the "
    "address of PostgreSQL itself."
)
NOT_DIRECT = (
    "DATABASE_DIRECT_URL leads to a connection pooler. Workers and commands need sessions of their own: set it to the "
    "address of PostgreSQL itself."
)
STATEMENT_MODE = (
    "The pooler of DATABASE_URL gives each statement another connection, so nothing can be saved together. Set "
    "pool_mode = transaction in the pooler."
)
OTHER_DATABASE = "DATABASE_URL and DATABASE_DIRECT_URL lead to two databases. Both must lead to the same one."
_SHOW_MARK = "SELECT current_setting(%s, true)"
_IDENTITY = "SELECT system_identifier, current_database() FROM pg_control_system()"


class WrongPooler(ImproperlyConfigured):
    """The settings and the way to the database don't fit; the message says what to change."""


def require_own_session() -> None:
    """Raise WrongPooler if the default connection, to PostgreSQL, is not a session of its own."""
    with connection.cursor() as cursor:
        cursor.execute(_SHOW_MARK, [MARK])
        if cursor.fetchone() != ("on",):
            raise WrongPooler(_unexpected_pooler())


def check_way_to_database(database: dict[str, Any], *, pooler: str) -> None:
    """Raise WrongPooler if the way to a database of settings.DATABASES is not what the settings say.

    pooler: "transaction" if it should lead through such a pooler, otherwise "". A server that can't be reached is
    another trouble, which the caller meets by itself.
    """
    if not database["ENGINE"].endswith("postgresql"):
        return
    import psycopg  # a site on SQLite does without

    try:
        with _connected(database) as server:
            if pooler:
                _check_pooled(server)
            elif server.execute(_SHOW_MARK, [MARK]).fetchone() != ("on",):
                raise WrongPooler(_unexpected_pooler())
    except psycopg.Error as error:
        if (words := pooler_words(error)) is not None:
            raise WrongPooler(words) from None


def check_same_database(pooled: dict[str, Any], direct: dict[str, Any]) -> None:
    """Raise WrongPooler if two entries of settings.DATABASES lead to two databases."""
    import psycopg

    try:
        with _connected(pooled) as one, _connected(direct) as other:
            if one.execute(_IDENTITY).fetchone() != other.execute(_IDENTITY).fetchone():
                raise WrongPooler(OTHER_DATABASE)
    except psycopg.Error:
        return


def pooler_words(error: BaseException) -> str | None:
    """Return what to change if an error of the database comes from a pooler that the settings don't name, or None."""
    psycopg = sys.modules.get("psycopg")
    if not isinstance(error, (Error, psycopg.Error) if psycopg else Error):
        return None
    if _REFUSED in str(error):
        return _unexpected_pooler()
    return STATEMENT_MODE if _NO_TRANSACTIONS in str(error) else None


def _unexpected_pooler() -> str:
    return NOT_DIRECT if settings.DATABASE_POOLER else UNSAID


def _check_pooled(server: "psycopg.Connection[Any]") -> None:
    # Refused in statement mode.
    with server.transaction():
        server.execute("SELECT 1")
    names = list(LIMITS)
    rows = server.execute(
        "SELECT name, setting::bigint, session_user FROM pg_settings WHERE name = ANY(%s)", [names]
    ).fetchall()
    missing = sorted({name for name, value, _ in rows if not 0 < value <= MOST_MS[name]}, key=names.index)
    if missing:
        role = rows[0][2].replace('"', '""')
        commands = " ".join(f"ALTER ROLE \"{role}\" SET {name} = '{LIMITS[name]}';" for name in missing)
        raise WrongPooler(
            f"Connections through the pooler of DATABASE_URL have no limit, or too long a one: {', '.join(missing)}. "
            f"Give them to the role of the web processes, then reconnect the pooler: {commands}"
        )


def _connected(database: dict[str, Any]) -> "psycopg.Connection[Any]":
    import psycopg

    options = database.get("OPTIONS", {})
    given = {name.lower(): database.get(name) for name in ("USER", "PASSWORD", "HOST", "PORT")}
    # Django's names and psycopg's differ in nothing else; what is not given comes from the environment.
    kept = {name: value for name, value in options.items() if name not in ("pool", "prepare_threshold")}
    return psycopg.connect(
        dbname=database["NAME"],
        **{name: value for name, value in given.items() if value},
        **kept | {"connect_timeout": 2, "prepare_threshold": None, "autocommit": True},
    )
