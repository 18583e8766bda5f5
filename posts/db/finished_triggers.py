"""Triggers that delete the finished part of an article whose text or stored HTML somebody changes by hand.

No code of ours changes either, and the digest of a finished part leaves both out (posts.public.finished_articles).
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from posts.db.triggers import Trigger, install

PREFIX = "forget_finished_"
_TABLE = "posts_finishedarticle"
# (table, columns, which finished parts have them).
_TEXTS = (
    ("posts_revision", ("snapshot",), "post_id = NEW.post_id"),
    ("posts_renderedarticle", ("html", "contents"), "article_id = NEW.id"),
)


def triggers(vendor: str) -> list[Trigger]:
    """Return the triggers for an engine."""
    made = []
    for table, columns, where in _TEXTS:
        name = f"{PREFIX}{table.removeprefix('posts_')}"
        delete = f"DELETE FROM {_TABLE} WHERE {where};"  # noqa: S608 (our own words)
        if vendor == "sqlite":
            create = f"CREATE TRIGGER {name} AFTER UPDATE OF {', '.join(columns)} ON {table} FOR EACH ROW"
            made.append(Trigger(name, table, f"{create} BEGIN {delete} END"))
            continue
        # The function names the columns, not the trigger: otherwise no migration could alter their types.
        change = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
        create = f"CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        made.append(Trigger(name, table, create, f"IF {change} THEN {delete} END IF;"))
    return made


def forget_changed_texts(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, if the database has the table: `migrate` may go to an older state too."""
    with connection.cursor() as cursor:
        has_table = any(table.name == _TABLE for table in connection.introspection.get_table_list(cursor))
    install(connection, triggers(connection.vendor) if has_table else [], PREFIX)
