"""Search by tsvector and GIN (PostgreSQL manual, chapter "Full Text Search"). Words come ready as lexemes with their
positions, so that no parser and no dictionary of the server has a say."""

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
    wanted = [f"({' <-> '.join(_lexeme(stem) for stem in phrase)})" for phrase in phrases]
    text = " & ".join(wanted)
    # By "id + 0" it can't walk the primary key and look into text after text until enough of them match: for a word
    # that stands in few texts, or in none, that is a look into all.
    cursor.execute(
        # Column, weights and limit are ours; the words are values.
        f"SELECT id, ts_rank({WEIGHTS}, {column}, %s::tsquery, 1) FROM (SELECT id, {column} FROM posts_search "  # noqa: S608
        f"WHERE {column} @@ %s::tsquery ORDER BY id + 0 DESC LIMIT %s) AS latest",
        [text, " & ".join([text, *(_lexeme(FACET.format(facet)) for facet in facets)]), limit],
    )
    return cursor.fetchall()


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
