"""Search by tsvector and GIN (PostgreSQL manual, chapter "Full Text Search").

Words arrive as lexemes with positions, so that no parser or dictionary of the server is involved.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db.backends.utils import CursorWrapper

from posts.search.document import Document
from posts.search.query_parser import Phrase, Query, Wish

# If no more than so many are expected, all of them are read.
FEW = 200
# From this share of all texts on, the latest texts are read one by one until enough match, but at most so many.
WALKED_SHARE = 0.3
WALKED = 15_000
# Otherwise the latest part of all texts that holds enough is searched first, and never more than an eighth: the
# planner assumes independent words and expects too few.
LATEST_PART = 1 / 8
# Lexemes of facets: no word of a text has a capital letter.
FACET = "F{}"
# Limits of the type: the position of a word, and positions of one word.
MAX_PLACE = 16_383
# A column, a condition on it and its values.
Match = tuple[str, str, list[str]]
# The weight of a hit in the body, the summary, the terms, the title (labels D, C, B, A).
WEIGHTS = "'{0.1, 0.2, 0.5, 1.0}'"


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


def find(cursor: CursorWrapper, query: Query, wishes: Sequence[Wish]) -> Iterator[list[tuple[int, float]]]:
    """Yield for each wish [(number, score)] of the texts that a query finds; a larger score is better.

    What the planner expects of all wishes is asked in one statement. Those that find few texts are then carried out
    together, each other one when it is asked for.
    """
    matches = [_matching(query, wish) for wish in wishes]
    last, expected = _expected(cursor, [(matching, values) for _, matching, values in matches])
    words = _all_of(query.phrases)
    found: dict[int, list[tuple[int, float]]] = {}
    if len(few := [at for at, rows in enumerate(expected) if rows <= FEW]) > 1:
        found = _gathered(cursor, words, {at: (*matches[at], 0, wishes[at].limit) for at in few})
    for at, (wish, match, rows) in enumerate(zip(wishes, matches, expected, strict=True)):
        yield found[at] if at in found else _find(cursor, words, match, last=last, expected=rows, limit=wish.limit)


def _matching(query: Query, wish: Wish) -> Match:
    """Return the Match with which the index finds the texts of a wish."""
    column = "head" if wish.in_head else "words"
    wanted = " & ".join([_all_of(query.phrases), *(_lexeme(FACET.format(facet)) for facet in wish.facets)])
    if not query.excluded:
        return column, f"{column} @@ %s::tsquery", [wanted]
    # Beside what must be there, so that the index alone says which words are absent.
    return column, f"{column} @@ %s::tsquery AND words @@ %s::tsquery", [wanted, _without(wanted, query)]


def _find(
    cursor: CursorWrapper, words: str, match: Match, *, last: int, expected: float, limit: int
) -> list[tuple[int, float]]:
    def gathered(start: int) -> list[tuple[int, float]]:
        return _gathered(cursor, words, {0: (*match, start, limit)})[0]

    if expected <= FEW:
        return gathered(0)
    if expected > WALKED_SHARE * last:
        column, matching, values = match
        latest = f"{_latest(column, matching)} ORDER BY id DESC LIMIT %s"
        start = max(0, last - WALKED)
        walked = f"SELECT {_ranked(column)} FROM ({latest}) AS latest"  # noqa: S608 (ours)
        cursor.execute(walked, [words, *values, start, limit])
        found = list(cursor.fetchall())
    else:
        found = gathered(last - int(last * min(LATEST_PART, 2 * limit / expected)))
    return found if len(found) == limit else gathered(0)


def _gathered(
    cursor: CursorWrapper, words: str, parts: Mapping[int, tuple[str, str, Sequence[str], int, int]]
) -> dict[int, list[tuple[int, float]]]:
    """Return {key of a part: what it finds}, by one statement. A part: a Match, the first number, and the limit."""
    selected: list[str] = []
    parameters: list[str | int] = []
    for key, (column, matching, values, start, limit) in parts.items():
        latest = f"{_latest(column, matching)} ORDER BY id + 0 DESC LIMIT %s"
        selected.append(f"SELECT {key}, {_ranked(column)} FROM ({latest}) AS latest_{key}")  # noqa: S608 (ours)
        parameters += [words, *values, start, limit]
    # The planner thinks that reading a text is as cheap as reading a number, so it would read all texts or scan the
    # numbers. This leaves it bitmaps: of the words, and of the numbers from the first one on.
    _execute_without(cursor, ("enable_seqscan", "enable_indexscan"), " UNION ALL ".join(selected), parameters)
    found: dict[int, list[tuple[int, float]]] = {key: [] for key in parts}
    for key, number, score in cursor.fetchall():
        found[key].append((number, score))
    return found


def _latest(column: str, matching: str) -> str:
    return f"SELECT id, {column} FROM posts_search WHERE {matching} AND id > %s"  # noqa: S608 (ours)


def _ranked(column: str) -> str:
    return f"id, ts_rank({WEIGHTS}, {column}, %s::tsquery, 1)"


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
