"""Search by tsvector and GIN (PostgreSQL manual, chapter "Full Text Search"). Words come ready as lexemes with their
positions, so that no parser and no dictionary of the server has a say."""

import json

# At the most so many of the latest texts are looked into one by one.
WALKED = 15_000
# How many matches, squared, for each text there is, make that the shorter way: the number of texts wanted, times how
# much longer a look into a text takes than one at a number.
WALK_PRICE = 500 * 6
# Lexemes of facets: no word of a text has a capital.
FACET = "F{}"
# What the type holds at the most: the place of a word, and places of one word.
MAX_PLACE = 16_383
# How much a hit weighs in the body, the summary, the terms, the title (labels D, C, B, A).
WEIGHTS = "'{0.1, 0.2, 0.5, 1.0}'"


def write(cursor, documents):
    """Keep [(number, Document)]; what stood under a number is replaced."""
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


def forget(cursor, numbers):
    """Drop what stands under the numbers."""
    cursor.execute("DELETE FROM posts_search WHERE id = ANY(%s)", [list(numbers)])


def strays(cursor):
    """The numbers that something stands under and that are no listed text's."""
    cursor.execute("SELECT id FROM posts_search WHERE id NOT IN (SELECT id FROM posts_listedtext)")
    return [number for (number,) in cursor.fetchall()]


def find(cursor, phrases, facets, *, limit, in_head=False):
    """[(number, score)] of the latest `limit` texts that hold all phrases and have all facets; the larger the score,
    the better. in_head: only where title and terms hold the phrases."""
    column = "head" if in_head else "words"
    words = " & ".join(f"({' <-> '.join(_lexeme(stem) for stem in phrase)})" for phrase in phrases)
    wanted = " & ".join([words, *(_lexeme(FACET.format(facet)) for facet in facets)])
    latest = f"SELECT id, {column} FROM posts_search WHERE {column} @@ %s::tsquery"  # noqa: S608 (a column of ours)
    ranked = f"SELECT id, ts_rank({WEIGHTS}, {column}, %s::tsquery, 1) FROM"
    start = None if in_head else _walk_start(cursor, wanted)
    if start is not None:
        cursor.execute(
            f"{ranked} ({latest} AND id > %s ORDER BY id DESC LIMIT %s) AS latest", [words, wanted, start, limit]
        )
        found = cursor.fetchall()
        if len(found) == limit:
            return found
    # The planner takes a look into a text for as cheap as one at a number, so it would rather read all texts than the
    # index, or walk the primary key until enough of them match. Sent together, the statements are one transaction.
    cursor.execute(
        f"SET LOCAL enable_seqscan = off; {ranked} ({latest} ORDER BY id + 0 DESC LIMIT %s) AS latest; "
        "SET LOCAL enable_seqscan TO DEFAULT",
        [words, wanted, limit],
    )
    cursor.nextset()
    return cursor.fetchall()


def _walk_start(cursor, wanted):
    """The number after which the latest texts are walked one by one, or None where the index is the shorter way.

    Walked are CAP / s texts, where s is the share of texts that match; by the index s × N rows are sorted by number,
    each at a sixth of the price (measured: 4.4 and 0.7 microseconds). The share is the planner's own estimate.
    """
    cursor.execute(
        "SELECT max(id) FROM posts_search; EXPLAIN (FORMAT JSON) SELECT 1 FROM posts_search WHERE words @@ %s::tsquery",
        [wanted],
    )
    (last,) = cursor.fetchone()
    cursor.nextset()
    (plan,) = cursor.fetchone()
    expected = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"]
    return max(0, last - WALKED) if last and expected**2 > WALK_PRICE * last else None


def _lexeme(word):
    # Words are letters, digits, + and #; quoted they mean nothing but themselves.
    return f"'{word}'"


def _vector(facets, *parts):
    lexemes, place = {FACET.format(facet): "" for facet in facets}, 0
    for words, label in parts:
        for word in words:
            place = min(place + 1, MAX_PLACE)
            at = f"{place}{label}"
            lexemes[word] = f"{lexemes[word]},{at}" if word in lexemes else at
        # The end of a title and the beginning of a summary are no neighbours.
        place += 1
    return " ".join(f"{_lexeme(word)}:{at}" if at else _lexeme(word) for word, at in lexemes.items())
