"""Triggers that keep the audit trail append-only, also for SQL that no code of ours writes.

They refuse to change or delete an entry of the trail or a link of its chain, with these exceptions, each of which
`manage.py verify_audit` checks:

- An entry forgets a post or a revision that is removed: the link keeps its number.
- A detail becomes the text of its redaction, which another entry of the trail records.
- The oldest entries go after the start of the chain has moved behind them. It moves only to a link that is
  KEPT_AT_LEAST days old, and takes that link's digest along.

`migrate` puts them in place at its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate

from posts.db.triggers import drop

PREFIX = "audit_guard"
KEPT_AT_LEAST = 90  # days
REFUSAL = "The audit trail is append-only."
# The action of entries that record a redaction.
REDACTED = "detail replaced"

ENTRY, SEAL, REDACTION, CHAIN = "posts_auditentry", "posts_auditseal", "posts_auditredaction", "posts_auditchain"


def _same(*columns: str) -> str:
    return " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in columns)


def _kept_or_null(column: str) -> str:
    return f"(NEW.{column} IS NULL OR {_same(column)})"


_REDACTED = "(SELECT redaction.text FROM posts_auditredaction redaction WHERE redaction.entry_id = OLD.id)"
_ACT = f"EXISTS (SELECT 1 FROM {ENTRY} act WHERE act.id = NEW.act_id AND act.action = '{REDACTED}')"
_START = f"COALESCE((SELECT chain.start_sequence FROM {CHAIN} chain), 0)"
_LONG_AGO = {
    "sqlite": f"datetime('now', '-{KEPT_AT_LEAST} days')",
    "postgresql": f"now() - interval '{KEPT_AT_LEAST} days'",
}

# ruff: noqa: S608 (only names of our own tables are inserted)
# {table: (primary key, {event: the condition under which it may happen})}. An event that is not named may happen.
ALLOWED: dict[str, tuple[str, dict[str, str]]] = {
    ENTRY: (
        "id",
        {
            "UPDATE": _same(
                "id",
                "action",
                "fingerprint",
                "fingerprint_before",
                "made_by_id",
                "made_at",
                "request_id",
                "as_superuser",
            )
            + f" AND {_kept_or_null('post_id')} AND {_kept_or_null('revision_id')}"
            f" AND ({_same('detail')} OR NEW.detail = {_REDACTED})",
            "DELETE": f"EXISTS (SELECT 1 FROM {SEAL} seal WHERE seal.entry_id = OLD.id AND seal.sequence <= {_START})",
        },
    ),
    SEAL: (
        "sequence",
        {
            "UPDATE": _same(
                "sequence", "entry_id", "post_id", "revision_id", "detail_digest", "row_digest", "digest", "sealed_at"
            )
            + " AND length(NEW.salt) = 0"
            f" AND EXISTS (SELECT 1 FROM {REDACTION} redaction WHERE redaction.entry_id = OLD.entry_id)",
            "DELETE": f"OLD.sequence <= {_START}"
            f" AND NOT EXISTS (SELECT 1 FROM {ENTRY} entry WHERE entry.id = OLD.entry_id)",
        },
    ),
    REDACTION: (
        "id",
        {
            "INSERT": _ACT,
            "UPDATE": f"{_same('id', 'entry_id')} AND NEW.act_id > OLD.act_id AND {_ACT}",
            "DELETE": f"NOT EXISTS (SELECT 1 FROM {ENTRY} entry WHERE entry.id = OLD.entry_id)",
        },
    ),
    CHAIN: (
        "id",
        {
            "INSERT": "NEW.start_sequence = 0",
            "UPDATE": "NEW.last_sequence >= OLD.last_sequence AND NEW.settled_id >= OLD.settled_id"
            f" AND (({_same('start_sequence', 'start_digest')}) OR (NEW.start_sequence > OLD.start_sequence"
            f" AND EXISTS (SELECT 1 FROM {SEAL} seal WHERE seal.sequence = NEW.start_sequence"
            " AND seal.digest = NEW.start_digest AND seal.sealed_at < LONG_AGO)))",
            "DELETE": "1 = 0",
        },
    ),
}


@dataclass(frozen=True)
class Guard:
    """A trigger as an engine has it. body: of its function on PostgreSQL; kind: its `tgtype` there."""

    name: str
    table: str
    create: str
    body: str = ""
    kind: int = 0

    @property
    def source(self) -> str:
        """Return what the database says about a trigger that is as it should be."""
        return f"{self.kind} {self.body}" if self.body else self.create


def guards(vendor: str) -> list[Guard]:
    """Return all triggers for an engine."""
    return list(_of_sqlite() if vendor == "sqlite" else _of_postgresql())


def _of_sqlite() -> Iterator[Guard]:
    for table, (key, allowed) in ALLOWED.items():
        for event, condition in allowed.items():
            # Older versions of SQLite know IS NOT DISTINCT FROM under the name IS alone.
            if_allowed = condition.replace("IS NOT DISTINCT FROM", "IS").replace("LONG_AGO", _LONG_AGO["sqlite"])
            yield _of_row(f"{event.lower()}", event, table, f"({if_allowed}) IS NOT TRUE")
        # INSERT OR REPLACE would delete the row in its place without a trigger.
        yield _of_row("replace", "INSERT", table, f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})")


def _of_row(word: str, event: str, table: str, refused: str) -> Guard:
    name = f"{PREFIX}_{table.removeprefix('posts_')}_{word}"
    return Guard(
        name,
        table,
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {refused} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    )


# Bits of pg_trigger.tgtype.
_EVENTS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
_ROW, _BEFORE = 1, 2


def _of_postgresql() -> Iterator[Guard]:
    refuse = f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';"
    for table, (_, allowed) in ALLOWED.items():
        for event, condition in allowed.items():
            name = f"{PREFIX}_{table.removeprefix('posts_')}_{event.lower()}"
            row = "OLD" if event == "DELETE" else "NEW"
            if_allowed = condition.replace("LONG_AGO", _LONG_AGO["postgresql"])
            body = f"BEGIN IF {if_allowed} THEN RETURN {row}; END IF; {refuse} END"
            create = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            yield Guard(name, table, create, body, _ROW | _BEFORE | _EVENTS[event])
        name = f"{PREFIX}_{table.removeprefix('posts_')}_truncate"
        create = f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        yield Guard(name, table, create, f"BEGIN {refuse} END", _BEFORE | _EVENTS["TRUNCATE"])


def install_guards(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place if all their tables are there; otherwise drop them."""
    tables = set(connection.introspection.table_names())
    wanted = {guard.name: guard for guard in guards(connection.vendor)} if tables.issuperset(ALLOWED) else {}
    found = installed_guards(connection)
    for name, (table, source) in found.items():
        if name not in wanted or wanted[name].source != source:
            drop(connection, name, table)
    for name, guard in wanted.items():
        if name not in found or guard.source != found[name][1]:
            _create(connection, guard)


def faulty_guards(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the triggers that are missing, switched off or not as they should be."""
    found = installed_guards(connection)
    return [guard.name for guard in guards(connection.vendor) if found.get(guard.name, ("", ""))[1] != guard.source]


def installed_guards(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, str]]:
    """Return {name: (table, what the database says about it)} of the triggers that the database has."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
                [len(PREFIX), PREFIX],
            )
            return {name: (table, source) for name, table, source in cursor.fetchall()}
        cursor.execute(
            "SELECT tgname, relname, CASE WHEN tgenabled IN ('O', 'A') AND tgqual IS NULL"
            " THEN tgtype::text || ' ' || trim(prosrc) ELSE '' END"
            " FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE starts_with(tgname, %s) AND relnamespace = current_schema()::regnamespace",
            [PREFIX],
        )
        return {name: (table, source) for name, table, source in cursor.fetchall()}


def _create(connection: BaseDatabaseWrapper, guard: Guard) -> None:
    # One at a time: each locks its table against writers for a moment.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if guard.body:
            cursor.execute("SELECT quote_ident(current_schema())")
            (schema,) = cursor.fetchone()
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql"
                # Tables that a session made for itself alone never stand for ours.
                f" SET search_path = {schema}, pg_temp AS $trigger$ {guard.body} $trigger$"
            )
        cursor.execute(guard.create)


def connect() -> None:
    """Have `migrate` drop what would be in its way and put the triggers in place at its end."""
    posts = apps.get_app_config("posts")
    pre_migrate.connect(_before_migrating, sender=posts)
    post_migrate.connect(_after_migrating, sender=posts)


def _before_migrating(using: str, plan: list[Any] | None = None, **signal: Any) -> None:
    # SQLite rebuilds a table to alter it, and refuses that while a trigger names the table.
    if plan and connections[using].vendor == "sqlite":
        for name, (table, _) in installed_guards(connections[using]).items():
            drop(connections[using], name, table)


def _after_migrating(using: str, **signal: Any) -> None:
    install_guards(connections[using])
