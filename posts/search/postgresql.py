"""Search by tsvector and GIN (PostgreSQL manual, chapter "Full Text Search").

Words arrive as lexemes with positions, so that no parser or dictionary of the server is involved.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

from posts.search.document import Document
from posts.search.query_parser import Phrase, Query, Wish

# If no more than so many are expected, all of them are looked at: an eighth of more holds enough of words that stand
# together twice as often as chance would have it.
FEW = 800
# From this share of all texts on, and so many, the latest texts are read one by one until enough match, but at most
# so many. Fewer are found faster in the index, which lists a hundred texts in the time that reading one takes.
WALKED_SHARE = 0.3
WALKED_FROM = 50_000
WALKED = 15_000
# Otherwise the latest part of all texts that holds enough is searched first, and never more than an eighth: the
# planner assumes independent words and expects too few.
LATEST_PART = 1 / 8
# Lexemes of facets: no word of a text has a capital letter.
FACET = "F{}"
# Limits of the type: the position of a word, and positions of one word.
MAX_PLACE = 16_383
# The weight of a hit in the body, the summary, the terms, the title (labels D, C, B, A).
WEIGHTS = "'{0.1, 0.2, 0.5, 1.0}'"


class Plan(NamedTuple):
    """How a wish is carried out: what matches, behind which number it is looked for first, and in which order."""

    column: str
    matching: str
    values: list[str]
    limit: int
    start: int = 0
    order: str = "id + 0"  # not the order of an index
    # The planner thinks that reading a text is as cheap as reading a number, so it would read all texts or scan the
    # numbers. This leaves it bitmaps: of the words, and of the numbers from the first one on.
    without: Sequence[str] = ("enable_seqscan", "enable_indexscan")


def write(cursor: CursorWrapper, documents: Iterable[tuple[int, Document]]) -> None:
    """Store [(number, Document)]; each replaces the document under its number."""
    cursor.executemany(
        "INSERT INTO posts_search (id, head, words) VALUES (%s, %s::tsvector, %s::tsvector) "
        "ON CONFLICT (id) DO UPDATE SET head = excluded.head, words = excluded.words",
        [
            (
                number,
                _vector(found.facets, (found.title, "A"), (found.terms, "B")),
                _vector(found.facets, (found.title, "A"), (found.terms, "B"), (found.summary, "C"), (found.body, "D")),
            )
            for number, found in documents
        ],
    )


def forget(cursor: CursorWrapper, numbers: Iterable[int]) -> None:
    """Delete the documents under these numbers."""
    cursor.execute("DELETE FROM posts_search WHERE id = ANY(%s)", [list(numbers)])


def scrub(cursor: CursorWrapper) -> None:
    """Do nothing: VACUUM, which the server runs by itself, clears what was deleted."""


def orphans(cursor: CursorWrapper) -> list[int]:
    """Return the numbers of documents that belong to no listed text."""
    cursor.execute("SELECT id FROM posts_search WHERE id NOT IN (SELECT id FROM posts_listedtext)")
    return [number for (number,) in cursor.fetchall()]


def plan(cursor: CursorWrapper, query: Query, wishes: Sequence[Wish]) -> list[Plan]:
    """Return how find() carries out each wish. What the planner expects of all is asked in one statement."""
    plans = [Plan(*_matching(query, wish), wish.limit) for wish in wishes]
    last, expected = _expected(cursor, [(found.matching, found.values) for found in plans])
    return [_planned(found, last, rows) for found, rows in zip(plans, expected, strict=True)]


def _planned(found: Plan, last: int, expected: float) -> Plan:
    if expected > max(WALKED_FROM, WALKED_SHARE * last):
        # Reads the latest texts one by one, but never all of them.
        return found._replace(start=max(0, last - WALKED), order="id", without=("enable_seqscan",))
    if expected <= FEW:
        return found
    return found._replace(start=last - int(last * min(LATEST_PART, 2 * found.limit / expected)))


def _matching(query: Query, wish: Wish) -> tuple[str, str, list[str]]:
    """Return the column, the condition on it and its values with which the index finds the texts of a wish."""
    column = "head" if wish.in_head else "words"
    wanted = " & ".join([_all_of(query.phrases), *(_lexeme(FACET.format(facet)) for facet in wish.facets)])
    if not query.excluded:
        return column, f"{column} @@ %s::tsquery", [wanted]
    # Beside what must be there, so that the index alone says which words are absent.
    return column, f"{column} @@ %s::tsquery AND words @@ %s::tsquery", [wanted, _without(wanted, query)]


def find(cursor: CursorWrapper, query: Query, planned: Plan, *, is_ranked: bool) -> list[tuple[int, float]]:
    """Return [(number, score)] of the texts that a query finds, in one statement; a larger score is better.

    is_ranked: otherwise each score is 0, and no text is read. Texts up to the start of a plan are looked at only if too
    few behind it match: a limit of nothing reads nothing.
    """
    text = f"id, {planned.column}" if is_ranked else "id"
    score = f"ts_rank({WEIGHTS}, {planned.column}, %s::tsquery, 1)" if is_ranked else "0.0::real"
    rank = [_all_of(query.phrases)] if is_ranked else []
    matching = f"SELECT {text} FROM posts_search WHERE {planned.matching}"  # noqa: S608 (ours)
    # Where all texts are meant, there is no condition on numbers, so that the planner can't choose to read all of them.
    behind, start = (" AND id > %s", [planned.start]) if planned.start else ("", [])
    latest = f"{matching}{behind} ORDER BY {planned.order} DESC LIMIT %s"
    if start:
        left = "%s - (SELECT COUNT(*) FROM latest)"
        others = f"{matching} AND id + 0 <= %s ORDER BY id + 0 DESC LIMIT {left}"
        both = " UNION ALL ".join(f"SELECT id, {score} FROM {part}" for part in ("latest", "others"))  # noqa: S608 (ours)
        statement = f"WITH latest AS MATERIALIZED ({latest}), others AS MATERIALIZED ({others}) {both}"
    else:
        statement = f"SELECT id, {score} FROM ({latest}) AS latest"  # noqa: S608 (ours)
    own: list[str | int] = [*planned.values, *start, planned.limit]
    # In the order of the statement.
    values = [*own, *own, *rank, *rank] if start else [*rank, *own]
    _execute_without(cursor, planned.without, statement, values)
    return list(cursor.fetchall())


def which_find(cursor: CursorWrapper, queries: Sequence[Query]) -> list[bool]:
    """Return for each query whether it finds a listed text; in one statement."""
    is_found = "EXISTS (SELECT FROM posts_search JOIN posts_listedtext USING (id) WHERE words @@ %s::tsquery)"
    # As above: the planner must not read all texts, by whatever way. It would where changes since the last vacuum wait
    # to be put into the index, because it expects the index to be slow then.
    _execute_without(
        cursor,
        ("enable_seqscan", "enable_indexscan"),
        f"SELECT {', '.join([is_found] * len(queries))}",
        [_without(_all_of(query.phrases), query) for query in queries],
    )
    return list(cursor.fetchone())


def _execute_without(cursor: CursorWrapper, plans: Sequence[str], statement: str, values: Sequence[str | int]) -> None:
    """Execute a statement for which the planner may not choose some `plans`, settings that are usually on.

    Sent together, the statements are one transaction. A plan of a kind that is off counts as so expensive that the
    server would compile it, which takes a hundred times as long as the search.
    """
    off = ("jit", *plans)
    settings_off = "".join(f"SET LOCAL {name} = off; " for name in off)
    cursor.execute(settings_off + statement + "".join(f"; SET LOCAL {name} TO DEFAULT" for name in off), values)
    for _ in off:
        cursor.nextset()


def _all_of(phrases: Sequence[Phrase]) -> str:
    return " & ".join(map(_phrase, phrases))


def _without(wanted: str, query: Query) -> str:
    """Return an expression without what a query excludes."""
    return f"{wanted} & !({' | '.join(map(_phrase, query.excluded))})" if query.excluded else wanted


def _phrase(stems: Phrase) -> str:
    return f"({' <-> '.join(map(_lexeme, stems))})"


def _expected(cursor: CursorWrapper, conditions: Sequence[tuple[str, list[str]]]) -> tuple[int, list[float]]:
    """Return (the largest number of a text, how many matches the planner expects of each condition)."""
    explained = [f"EXPLAIN (FORMAT JSON) SELECT FROM posts_search WHERE {condition}" for condition, _ in conditions]
    cursor.execute(
        "; ".join(["SELECT max(id) FROM posts_search", *explained]),
        [value for _, values in conditions for value in values],
    )
    (last,) = cursor.fetchone()
    rows = []
    for _ in conditions:
        cursor.nextset()
        (plan,) = cursor.fetchone()
        rows.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])
    return last or 0, rows


def _lexeme(word: str) -> str:
    # Words are letters, digits, + and #; in quotes they have no special meaning.
    return f"'{word}'"


def _vector(facets: Iterable[int], *parts: tuple[Iterable[str], str]) -> str:
    lexemes, place = {FACET.format(facet): "" for facet in facets}, 0
    for words, label in parts:
        for word in words:
            place = min(place + 1, MAX_PLACE)
            at = f"{place}{label}"
            lexemes[word] = f"{lexemes[word]},{at}" if word in lexemes else at
        # The end of a title and the beginning of a summary are not adjacent.
        place += 1
    return " ".join(f"{_lexeme(word)}:{at}" if at else _lexeme(word) for word, at in lexemes.items())
