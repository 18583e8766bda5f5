"""What a test that empties its database must leave or restore: rows outside of models, types, rights and others."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import Style
from django.core.management.commands import flush
from django.core.management.sql import sql_flush
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate

from posts.db.audit_triggers import ALLOWED, guards
from posts.models import GuidelinePoint, ReviewGuideline

# In the order of their references.
KEPT = (ContentType, Permission, Group, Group.permissions.through, ReviewGuideline, GuidelinePoint)
_rows: dict[str, list[tuple[Any, ...]]] = {}  # of each table of KEPT, as the migrations left them


def mend_emptied_databases() -> None:
    """Treat a database that a test has emptied as newly migrated.

    Django would look for every content type and right, and we for every trigger, although only rows went: that takes
    longer than many a test. What the migrations put into these tables is put back as it was.
    """
    post_migrate.connect(_remember, sender=apps.get_app_config("posts"), dispatch_uid="emptied databases of tests")
    flush.sql_flush = _statements
    flush.emit_post_migrate_signal = _mend


def _statements(style: Style, connection: BaseDatabaseWrapper, **options: Any) -> list[str]:
    """Return statements that empty the database: on PostgreSQL for the tables that have rows.

    TRUNCATE makes new files for each table and each of its indexes, also for those that nothing was in.
    """
    if connection.vendor != "postgresql" or options["reset_sequences"]:
        return _unguarded(connection, sql_flush(style, connection, **options))
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(asked)
        # References are checked at the end of the transaction.
        return _unguarded(connection, [f"DELETE FROM {table}" for (table,) in cursor.fetchall()])


def _unguarded(connection: BaseDatabaseWrapper, statements: list[str]) -> list[str]:
    """Return the statements among others that lift the guards of the audit trail meanwhile."""
    tables = [table for table in ALLOWED if any(table in statement for statement in statements)]
    if connection.vendor == "postgresql":
        before, after = (
            [f"ALTER TABLE {table} {word} TRIGGER USER" for table in tables] for word in ("DISABLE", "ENABLE")
        )
    else:
        lifted = [guard for guard in guards(connection.vendor) if guard.table in tables]
        before, after = [f"DROP TRIGGER IF EXISTS {guard.name}" for guard in lifted], [one.create for one in lifted]
    return [*before, *statements, *after]


def _remember(using: str, **signal: Any) -> None:
    # Ours is the last app: types and rights of all others are there.
    with connections[using].cursor() as cursor:
        for model in KEPT:
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            if rows := cursor.fetchall():
                _rows[model._meta.db_table] = rows


def _mend(verbosity: int, interactive: bool, database: str) -> None:
    with connections[database].cursor() as cursor:
        for table, rows in _rows.items():
            one = f"({', '.join(['%s'] * len(rows[0]))})"
            values = ", ".join([one] * len(rows))
            cursor.execute(f"INSERT INTO {table} VALUES {values}", [value for row in rows for value in row])
        cursor.execute("DELETE FROM posts_search")
        if connections[database].vendor == "sqlite":
            cursor.execute("DELETE FROM posts_search_head")
        # What the triggers noted of the rows that went.
        cursor.execute("DELETE FROM posts_pagechange")
