"""Search by FTS5 (https://www.sqlite.org/fts5.html).

The tokenizer only splits words at spaces; posts.search.tokens has done the rest.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.db.backends.utils import CursorWrapper

from posts.search.document import Document
from posts.search.query_parser import Phrase, Query, Wish

# The weight of a hit in the title, the terms, the summary, the body; facets only filter.
WEIGHTS = "8, 4, 2, 1, 0"
HEAD = "title terms"
ALL = "title terms summary body"


def write(cursor: CursorWrapper, documents: Iterable[tuple[int, Document]]) -> None:
    """Store [(number, Document)]; each replaces the document under its number."""
    cursor.executemany(
        "INSERT OR REPLACE INTO posts_search (rowid, title, terms, summary, body, facets) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        [
            (
                number,
                *(" ".join(words) for words in (found.title, found.terms, found.summary, found.body)),
                " ".join(map(str, found.facets)),
            )
            for number, found in documents
        ],
    )


def forget(cursor: CursorWrapper, numbers: Iterable[int]) -> None:
    """Delete the documents under these numbers."""
    cursor.executemany("DELETE FROM posts_search WHERE rowid = %s", [(number,) for number in numbers])


def scrub(cursor: CursorWrapper) -> None:
    """Write the index anew: it keeps the words of deleted documents until its parts are merged."""
    cursor.execute("INSERT INTO posts_search (posts_search) VALUES ('optimize')")


def orphans(cursor: CursorWrapper) -> list[int]:
    """Return the numbers of documents that belong to no listed text."""
    cursor.execute("SELECT rowid FROM posts_search WHERE rowid NOT IN (SELECT id FROM posts_listedtext)")
    return [number for (number,) in cursor.fetchall()]


def find(cursor: CursorWrapper, query: Query, wishes: Sequence[Wish]) -> Iterator[list[tuple[int, float]]]:
    """Yield for each wish [(number, score)] of the texts that a query finds; a larger score is better.

    Each is carried out when it is asked for.
    """
    for wish in wishes:
        facets = [f"facets : {_quoted(str(facet))}" for facet in wish.facets]
        cursor.execute(
            # Weights and limit are our own numbers.
            f"SELECT rowid, -bm25(posts_search, {WEIGHTS}) FROM posts_search "  # noqa: S608
            "WHERE posts_search MATCH %s ORDER BY rowid DESC LIMIT %s",
            [_wanted(query, HEAD if wish.in_head else ALL, facets), wish.limit],
        )
        yield list(cursor.fetchall())


def which_find(cursor: CursorWrapper, queries: Sequence[Query]) -> list[bool]:
    """Return for each query whether it finds a listed text; in one statement."""
    is_found = (
        "EXISTS (SELECT 1 FROM posts_search JOIN posts_listedtext ON posts_listedtext.id = posts_search.rowid "
        "WHERE posts_search MATCH %s)"
    )
    cursor.execute(f"SELECT {', '.join([is_found] * len(queries))}", [_wanted(query, ALL) for query in queries])
    return [bool(found) for found in cursor.fetchone()]


def _wanted(query: Query, columns: str, facets: Sequence[str] = ()) -> str:
    """Return the expression of a query whose phrases are in these columns; what it excludes must be in none."""
    wanted = " AND ".join([_phrases(query.phrases, columns, " AND "), *facets])
    return f"({wanted}) NOT ({_phrases(query.excluded, ALL, ' OR ')})" if query.excluded else wanted


def _phrases(phrases: Sequence[Phrase], columns: str, together: str) -> str:
    return f"{{{columns}}} : ({together.join(_quoted(' '.join(phrase)) for phrase in phrases)})"


def _quoted(words: str) -> str:
    return f'"{words}"'
