"""Multiplies the posts of a site, with all rows that belong to them, for measuring at any size.

Only on PostgreSQL. Copies keep their texts and states, and get other keys and addresses. Triggers and foreign keys are
off meanwhile. Search finds copies too, lists of terms count them, and their articles are stored as finished pages.
Other counts of all posts stay as they were until their job runs.
"""

from django.apps import apps
from django.db import connection, transaction
from django.db.models import CharField, DateTimeField, ForeignKey, SlugField, TextField

# Further apart than the keys of the site that is multiplied.
APART = 100_000
# Copies of each row that one statement makes.
AT_ONCE = 100
# Derived tables of which no page of the admin reads more for more posts.
LEFT_OUT = {"StoredPageKey", "TextSketch", "SketchBand"}


def multiply(copies, hours_apart=0):
    """Add `copies` copies of every post; return how many posts there are.

    hours_apart: how much older each copy is than the one after it. The last one is that much older than its original.
    """
    from posts.models import Post

    tables = _of_posts(Post)
    shift = f"- (({copies} + 1 - copy.nth) * {hours_apart} * interval '1 hour')" if hours_apart else ""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, copies + 1, AT_ONCE):
            last = min(copies, first + AT_ONCE - 1)
            with transaction.atomic():
                for model in tables:
                    cursor.execute(_copying(model, tables, shift), [first, last, APART])
        _copy_search_documents(cursor, copies)
        _copy_stored_articles(cursor, copies)
        cursor.execute("UPDATE posts_term SET listed_count = listed_count * %s", [copies + 1])
        cursor.execute("SET session_replication_role = DEFAULT")
        for model in tables:
            table, key = model._meta.db_table, _key(model, tables)
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key])
            if sequence := cursor.fetchone()[0]:
                cursor.execute(f"SELECT setval(%s, (SELECT MAX({key}) FROM {table}))", [sequence])
        cursor.execute("VACUUM ANALYZE")
    return Post.objects.count()


def _of_posts(root):
    """Return the models whose rows belong to posts, directly or through other rows of posts."""
    found = [root]
    for _ in range(4):
        for model in apps.get_app_config("posts").get_models():
            belongs = any(
                isinstance(field, ForeignKey) and field.related_model in found for field in model._meta.fields
            )
            if belongs and model not in found and model.__name__ not in LEFT_OUT and _can_be_copied(model, found):
                found.append(model)
    return found


def _can_be_copied(model, found):
    """Return whether a copy of its rows breaks no unique constraint."""
    owners = {field.name for field in model._meta.fields if _moves(field, found)}
    return all(owners & set(getattr(constraint, "fields", ()) or owners) for constraint in model._meta.constraints)


def _moves(field, tables):
    return field.primary_key or (isinstance(field, ForeignKey) and field.related_model in tables)


def _key(model, tables):
    """Return a column that another copy has another value in. Some tables have a key of two columns."""
    return next(field.column for field in model._meta.fields if field.column and _moves(field, tables))


def _copy_search_documents(cursor, copies):
    """Copy the search documents, with their index away: adding to it takes ten times as long as making it."""
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'posts_search' AND indexdef ~ 'gin'")
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute(
        "INSERT INTO posts_search (id, head, words) SELECT id + nth * %s, head, words FROM posts_search "
        "CROSS JOIN (SELECT generate_series(1, %s) AS nth) AS copy",
        [APART, copies],
    )
    cursor.execute("SET maintenance_work_mem = '1GB'")
    for _, definition in indexes:
        cursor.execute(definition)
    cursor.execute("RESET maintenance_work_mem")


def _copy_stored_articles(cursor, copies):
    """Copy the stored pages of articles to the addresses of their copies. Each shows the text of its original."""
    kept = "edition, is_stale, position, keys, headers, etag, last_modified, route, seconds, body, made_at"
    cursor.execute(
        f"INSERT INTO posts_storedpage (path, {kept}) "
        f"SELECT '/posts/' || left(split_part(path, '/', 3), 60) || '-' || nth || '/', {kept} FROM posts_storedpage "
        "CROSS JOIN (SELECT generate_series(1, %s) AS nth) AS copy WHERE route = 'posts:detail'",
        [copies],
    )


def _copying(model, tables, shift):
    columns, values = [], []
    for field in filter(lambda field: field.column, model._meta.fields):
        columns.append(f'"{field.column}"')
        if (
            (isinstance(field, ForeignKey) and field.related_model in tables)
            or (field.primary_key and not isinstance(field, ForeignKey))
            # The key of a listed text, which is no reference.
            or (model.__name__, field.name) == ("PlainText", "number")
        ):
            values.append(f'"{field.column}" + copy.nth * copy.apart')
        elif field.unique and isinstance(field, CharField | TextField | SlugField):
            values.append(f"""left("{field.column}", 60) || '-' || copy.nth""")
        elif shift and isinstance(field, DateTimeField):
            values.append(f'"{field.column}" {shift}')
        else:
            values.append(f'"{field.column}"')
    return f"""
        INSERT INTO {model._meta.db_table} ({", ".join(columns)})
        SELECT {", ".join(values)} FROM {model._meta.db_table} AS original
        CROSS JOIN (SELECT generate_series(%s, %s) AS nth, %s AS apart) AS copy
        WHERE original.{_key(model, tables)} < {APART}
    """
