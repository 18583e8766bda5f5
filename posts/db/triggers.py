"""Triggers as an engine has them: which ones a database has, and how those of this version come to be there."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from posts.db.short_locks import with_short_locks


@dataclass(frozen=True)
class Trigger:
    """A trigger as an engine has it. function: its body on PostgreSQL, "" on SQLite; create: the statement."""

    name: str
    table: str
    create: str
    function: str = ""

    @property
    def digest(self) -> str:
        """Return what tells it from one of another version."""
        return hashlib.sha256(f"{self.function} {self.create}".encode()).hexdigest()


def install(connection: BaseDatabaseWrapper, triggers: Iterable[Trigger], prefix: str) -> None:
    """Put these triggers in place, unless they are, and drop others whose names begin with `prefix`."""
    wanted = {trigger.name: trigger for trigger in triggers}
    found = installed(connection, prefix)
    for name, (table, digest) in found.items():
        if name not in wanted or wanted[name].digest != digest:
            with_short_locks(connection, partial(drop, connection, name, table))
    for name, trigger in wanted.items():
        if name not in found or trigger.digest != found[name][1]:
            with_short_locks(connection, partial(_create, connection, trigger))


def installed(connection: BaseDatabaseWrapper, prefix: str) -> dict[str, tuple[str, str]]:
    """Return {name: (table, digest)} of the triggers that the database has, that fire and whose names begin so."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
                [len(prefix), prefix],
            )
            return {name: (table, Trigger(name, table, sql).digest) for name, table, sql in cursor.fetchall()}
        cursor.execute(
            "SELECT tgname, relname,"
            " CASE WHEN tgenabled IN ('O', 'A') THEN obj_description(found.oid, 'pg_trigger') END"
            " FROM pg_trigger found JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE starts_with(tgname, %s) AND relnamespace = current_schema()::regnamespace",
            [prefix],
        )
        return {name: (table, digest or "") for name, table, digest in cursor.fetchall()}


def drop(connection: BaseDatabaseWrapper, name: str, table: str) -> None:
    """Drop a trigger, with its function on PostgreSQL."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION IF EXISTS {name}()")


def _create(connection: BaseDatabaseWrapper, trigger: Trigger) -> None:
    # One at a time: each locks its table against writers for a moment, and all together they could meet others.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if trigger.function:
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql"
                # Whatever schemas the session of an operator names.
                f" SET search_path FROM CURRENT AS $trigger$ BEGIN {trigger.function} RETURN NULL; END $trigger$"
            )
        cursor.execute(trigger.create)
        if trigger.function:
            cursor.execute(f"COMMENT ON TRIGGER {trigger.name} ON {trigger.table} IS '{trigger.digest}'")
