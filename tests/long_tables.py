"""Tables as long as on a large site, so that query plans are the same.

Of ten rows any way is cheap, and the one that a planner takes says nothing. `lengthen` copies each row of a small site
some hundred times, in the database itself, and has the engine look at the tables. After that an index is the only sane
way to a page: reading the whole table costs a hundred times as much, whatever else the planner knows.
"""

from django.db import connection

from posts.models import (
    AuditEntry,
    ListedText,
    Neighbour,
    PlainText,
    Post,
    PostTerm,
    QueueEntry,
    Release,
    RenderedArticle,
    Review,
    Revision,
    SketchBand,
    SpellingKey,
    Term,
    TextTwin,
)

COPIES = 400
# Terms are few in a small site and very many in a large one.
COPIES_OF_TERMS = 4_000
# Between the id of a row and those of its copies: more than the tests give away.
SHIFT = 100_000
# In the order of their references. Terms last: the copied posts have the terms of the originals, because most posts
# of a site share a few terms; the copied terms are the many that hardly any post has.
COPIED = (
    Revision, Review, Post, AuditEntry, ListedText, Neighbour, QueueEntry, Release, RenderedArticle, PostTerm,
    SketchBand, TextTwin, SpellingKey, PlainText, Term,
)  # fmt: skip
# What must differ in each copy, beside the ids.
TOLD_APART = {
    (Post, "source_id"): "{column} || '-' || copy",
    (Post, "slug"): "{column} || '-' || copy",
    (Term, "listed_count"): "1",
    (Term, "key"): "{column} || '-' || copy",
    (Term, "slug"): "CASE WHEN {column} = '' THEN '' ELSE {column} || '-' || copy END",
    (RenderedArticle, "renderer_version"): "{column} + copy",
    (SpellingKey, "key"): "{column} || '-' || copy",
    (SketchBand, "key"): "{column} + copy",
    (PlainText, "number"): f"{{column}} + copy * {SHIFT}",
}
# Every copy is some hours older than its original, as the posts of a site are of many days.
OLDER = {
    "postgresql": "{column} - copy * interval '3 hours'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', {column}, '-' || (3 * copy) || ' hours')",
}


def lengthen():
    """Copy every row of COPIED and have the engine count; for a test in a transaction, which takes it all back."""
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in [*(model._meta.db_table for model in COPIED), "posts_search"]:
                # Nobody else may count meanwhile: they would count the rows from before.
                cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
                # A new file without what rolled-back tests left: a table that is half empty makes an index dearer.
                cursor.execute(f"CLUSTER {table} USING {table}_pkey")
            # Posts and revisions name each other.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for model in COPIED:
            _copy(cursor, model)
        _copy_search(cursor, is_postgresql)
        counted = "(SELECT count(*) FROM posts_postterm WHERE term_id = posts_term.id)"
        cursor.execute(f"UPDATE posts_term SET listed_count = {counted} WHERE id < {SHIFT}")
        if is_postgresql:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in [*(model._meta.db_table for model in COPIED), *(["posts_search"] if is_postgresql else [])]:
            cursor.execute(f"ANALYZE {table}")


def _copy(cursor, model):
    columns = {field.column: _value(model, field) for field in model._meta.concrete_fields}
    names = ", ".join(columns)
    values = ", ".join(columns.values())
    table = model._meta.db_table
    numbers = _numbers(COPIES_OF_TERMS if model is Term else COPIES)
    cursor.execute(f"INSERT INTO {table} ({names}) {numbers} SELECT {values} FROM {table} CROSS JOIN numbers")


def _numbers(count):
    """Return SQL for the numbers of the copies as a table, for both engines."""
    return f"WITH RECURSIVE numbers(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM numbers WHERE copy < {count})"


def _value(model, field):
    """Return SQL for a column of a copy."""
    column = field.column
    if told_apart := TOLD_APART.get((model, column)):
        return told_apart.format(column=column)
    target = field.remote_field.model if field.is_relation else None
    if (field.primary_key and field.remote_field is None) or (target in COPIED and target is not Term):
        return f"{column} + copy * {SHIFT}"
    if field.get_internal_type() == "DateTimeField":
        return OLDER[connection.vendor].format(column=column)
    return column


def _copy_search(cursor, is_postgresql):
    """Give the copies other words than the originals, so that a search finds few of many texts."""
    if is_postgresql:
        cursor.execute(
            f"INSERT INTO posts_search (id, head, words) {_numbers(COPIES)} SELECT id + copy * {SHIFT}, "
            "('other' || copy)::tsvector, ('other' || copy || ' elsewhere' || copy % 50)::tsvector "
            f"FROM posts_search CROSS JOIN numbers"
        )
    else:
        cursor.execute(
            f"INSERT INTO posts_search (rowid, title, terms, summary, body, facets) {_numbers(COPIES)} SELECT "
            f"rowid + copy * {SHIFT}, 'other' || copy, '', '', 'elsewhere' || copy % 50, '' "
            "FROM posts_search CROSS JOIN numbers"
        )
        cursor.execute(
            f"INSERT INTO posts_search_head (rowid, title, terms, facets) {_numbers(COPIES)} SELECT "
            f"rowid + copy * {SHIFT}, 'other' || copy, '', '' FROM posts_search_head CROSS JOIN numbers"
        )
