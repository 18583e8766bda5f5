"""Triggers that let the previous version delete accounts and posts to which rows of newer tables refer.

Django follows references in Python, so a version follows only those that it knows. Next to a newer version, the foreign
keys of tables that it has never heard of would refuse its deletions. `migrate` puts these triggers in place. They find
nothing to do when the version that deletes knows the reference.
"""

from collections import defaultdict
from collections.abc import Set
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CASCADE, SET_NULL, ForeignKey, Model

from posts.db.triggers import Trigger, install

PREFIX = "follow_"


def references() -> dict[type[Model], list[ForeignKey[Any, Any]]]:
    """Return the references of our tables that follow their target, by target."""
    found = defaultdict(list)
    for model in apps.get_app_config("posts").get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            # Every version knows the references of the audit trail, which nobody else may change.
            if model._meta.db_table == "posts_auditentry":
                continue
            if isinstance(field, ForeignKey) and field.remote_field.on_delete in (CASCADE, SET_NULL):
                found[field.remote_field.model].append(field)
    return dict(found)


def triggers(vendor: str, known: Set[tuple[str, str]] | None = None) -> list[Trigger]:
    """Return the trigger of each table that rows of ours refer to, for the references (table, column) in `known`."""
    made = []
    for target, references_to_it in references().items():
        fields = [field for field in references_to_it if known is None or _place(field) in known]
        if not fields:
            continue
        table = target._meta.db_table
        name = f"{PREFIX}{table.removeprefix('posts_')}"
        statements = " ".join(f"{_follow(field, vendor)};" for field in fields)
        create = f"CREATE TRIGGER {name} AFTER DELETE ON {table}"
        if vendor == "sqlite":
            made.append(Trigger(name, table, f"{create} BEGIN {statements} END"))
        else:
            # In sets: references are checked at the end of the transaction.
            create += f" REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            made.append(Trigger(name, table, create, statements))
    return made


def _place(field: ForeignKey[Any, Any]) -> tuple[str, str]:
    return field.model._meta.db_table, field.column


def _follow(field: ForeignKey[Any, Any], vendor: str) -> str:
    (table, column), key = _place(field), field.target_field.column
    where = f"= OLD.{key}" if vendor == "sqlite" else f"IN (SELECT {key} FROM old_rows)"  # noqa: S608 (our own words)
    if field.remote_field.on_delete is SET_NULL:
        return f"UPDATE {table} SET {column} = NULL WHERE {column} {where}"  # noqa: S608 (our own words)
    return f"DELETE FROM {table} WHERE {column} {where}"  # noqa: S608 (our own words)


def follow_references(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, for what the database has: `migrate` may go to an older state too."""
    with connection.cursor() as cursor:
        known = {
            (table.name, column.name)
            for table in connection.introspection.get_table_list(cursor)
            if table.name.startswith("posts_")
            for column in connection.introspection.get_table_description(cursor, table.name)
        }
    install(connection, triggers(connection.vendor, known), PREFIX)
