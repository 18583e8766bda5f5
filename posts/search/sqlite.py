"""Search by FTS5 (https://www.sqlite.org/fts5.html).

The tokenizer only splits words at spaces; posts.search.tokens has done the rest.
"""

from collections.abc import Iterable, Sequence

from django.db.backends.utils import CursorWrapper

from posts.search.document import Document
from posts.search.query_parser import Phrase, Query, Wish

# The index of what texts are about, and that of all their words; in each the weight of a hit in the title, the terms,
# the summary and the body. Facets only filter. FTS5 counts all texts with a word to rank one of them, so the smaller
# index answers in a fraction of the time.
HEAD_TABLE, HEAD_WEIGHTS = "posts_search_head", "8, 4, 0"
TABLE, WEIGHTS = "posts_search", "8, 4, 2, 1, 0"
HEAD = "title terms"
ALL = "title terms summary body"


def write(cursor: CursorWrapper, documents: Iterable[tuple[int, Document]]) -> None:
    """Store [(number, Document)]; each replaces the document under its number."""
    rows = []
    for number, found in documents:
        title, terms, summary, body = map(" ".join, (found.title, found.terms, found.summary, found.body))
        rows.append((number, title, terms, summary, body, " ".join(map(str, found.facets))))
    cursor.executemany(
        "INSERT OR REPLACE INTO posts_search (rowid, title, terms, summary, body, facets) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        rows,
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO posts_search_head (rowid, title, terms, facets) VALUES (%s, %s, %s, %s)",
        [(number, title, terms, facets) for number, title, terms, _, _, facets in rows],
    )


def forget(cursor: CursorWrapper, numbers: Iterable[int]) -> None:
    """Delete the documents under these numbers."""
    rows = [(number,) for number in numbers]
    for table in (TABLE, HEAD_TABLE):
        cursor.executemany(f"DELETE FROM {table} WHERE rowid = %s", rows)  # noqa: S608


def scrub(cursor: CursorWrapper) -> None:
    """Write the index anew: it keeps the words of deleted documents until its parts are merged."""
    for table in (TABLE, HEAD_TABLE):
        cursor.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608


def orphans(cursor: CursorWrapper) -> list[int]:
    """Return the numbers of documents that belong to no listed text."""
    both = " UNION ".join(f"SELECT rowid FROM {table}" for table in (TABLE, HEAD_TABLE))  # noqa: S608
    cursor.execute(f"SELECT rowid FROM ({both}) WHERE rowid NOT IN (SELECT id FROM posts_listedtext)")  # noqa: S608
    return [number for (number,) in cursor.fetchall()]


def plan(cursor: CursorWrapper, query: Query, wishes: Sequence[Wish]) -> Sequence[Wish]:
    """Return what find() needs to know of each wish: nothing else."""
    return wishes


def find(cursor: CursorWrapper, query: Query, planned: Wish, *, is_ranked: bool) -> list[tuple[int, float]]:
    """Return [(number, score)] of the texts that a query finds for a wish; a larger score is better.

    is_ranked: otherwise each score is 0, which takes a third of the time.
    """
    facets = [f"facets : {_quoted(str(facet))}" for facet in planned.facets]
    table, weights, columns = TABLE, WEIGHTS, HEAD if planned.in_head else ALL
    # The smaller index knows of no word outside of it, so it can't exclude one.
    if planned.in_head and not query.excluded:
        table, weights = HEAD_TABLE, HEAD_WEIGHTS
    score = f"-bm25({table}, {weights})" if is_ranked else "0.0"
    cursor.execute(
        # Weights and limit are our own numbers.
        f"SELECT rowid, {score} FROM {table} WHERE {table} MATCH %s ORDER BY rowid DESC LIMIT %s",  # noqa: S608
        [_wanted(query, columns, facets, table), planned.limit],
    )
    return list(cursor.fetchall())


def which_find(cursor: CursorWrapper, queries: Sequence[Query]) -> list[bool]:
    """Return for each query whether it finds a listed text; in one statement."""
    is_found = (
        "EXISTS (SELECT 1 FROM posts_search JOIN posts_listedtext ON posts_listedtext.id = posts_search.rowid "
        "WHERE posts_search MATCH %s)"
    )
    cursor.execute(f"SELECT {', '.join([is_found] * len(queries))}", [_wanted(query, ALL) for query in queries])
    return [bool(found) for found in cursor.fetchone()]


def _wanted(query: Query, columns: str, facets: Sequence[str] = (), table: str = TABLE) -> str:
    """Return the expression of a query whose phrases are in these columns; what it excludes must be in none."""
    is_whole = columns == (HEAD if table == HEAD_TABLE else ALL)
    wanted = " AND ".join([_phrases(query.phrases, columns, " AND ", is_whole=is_whole), *facets])
    if not query.excluded:
        return wanted
    return f"({wanted}) NOT ({_phrases(query.excluded, ALL, ' OR ', is_whole=True)})"


def _phrases(phrases: Sequence[Phrase], columns: str, together: str, *, is_whole: bool) -> str:
    """Return the expression of phrases in these columns. is_whole: whether those are all of a table but its facets."""
    found = f"({together.join(_quoted(' '.join(phrase)) for phrase in phrases)})"
    # Facets are numbers. Without columns to choose from, other words are found in half of the time.
    if is_whole and not any(stem.isdecimal() for phrase in phrases for stem in phrase):
        return found
    return f"{{{columns}}} : {found}"


def _quoted(words: str) -> str:
    return f'"{words}"'
