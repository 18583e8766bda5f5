"""Multiplies the posts of a site, with all rows that belong to them, for measuring at any size.

Only on PostgreSQL. Copies keep their texts, dates and states, and get other keys and addresses. Triggers and foreign
keys are off meanwhile. What is derived from all posts, such as counts and search documents, stays as it was.
"""

from django.apps import apps
from django.db import connection, transaction
from django.db.models import CharField, ForeignKey, SlugField, TextField

# Further apart than the keys of the site that is multiplied.
APART = 100_000
# Copies of each row that one statement makes.
AT_ONCE = 100
# Derived tables of which no page of the admin reads more for more posts.
LEFT_OUT = {"StoredPageKey", "TextSketch", "SketchBand"}


def multiply(copies):
    """Add `copies` copies of every post; return how many posts there are."""
    from posts.models import Post

    tables = _of_posts(Post)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, copies + 1, AT_ONCE):
            last = min(copies, first + AT_ONCE - 1)
            with transaction.atomic():
                for model in tables:
                    cursor.execute(_copying(model, tables), [first, last, APART])
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


def _copying(model, tables):
    columns, values = [], []
    for field in filter(lambda field: field.column, model._meta.fields):
        columns.append(f'"{field.column}"')
        if (isinstance(field, ForeignKey) and field.related_model in tables) or (
            field.primary_key and not isinstance(field, ForeignKey)
        ):
            values.append(f'"{field.column}" + copy.nth * copy.apart')
        elif field.unique and isinstance(field, CharField | TextField | SlugField):
            values.append(f"""left("{field.column}", 60) || '-' || copy.nth""")
        else:
            values.append(f'"{field.column}"')
    return f"""
        INSERT INTO {model._meta.db_table} ({", ".join(columns)})
        SELECT {", ".join(values)} FROM {model._meta.db_table} AS original
        CROSS JOIN (SELECT generate_series(%s, %s) AS nth, %s AS apart) AS copy
        WHERE original.{_key(model, tables)} < {APART}
    """
