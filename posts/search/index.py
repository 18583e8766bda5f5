"""Maintains the search index of listed texts, in the transaction that lists a text."""

from collections.abc import Iterable, Sequence

from django.db import connection

from posts.db.change_log import LISTS, note_changes
from posts.models import ListedText, PlainText, SpellingKey
from posts.records.schema import RecordDict
from posts.search.backends import engine_for
from posts.search.document import Document
from posts.search.snippets import PlainWords, plain_words, prose_of
from posts.search.spelling import key_of_beginning, spelling_keys, spelling_words
from posts.search.tokens import words_in

# Only the first words of a very long text are indexed.
MAX_WORDS = 40_000
# The characters of a text from which spellings are learnt.
LEARNT = 40_000


def document_of(record: RecordDict, words: PlainWords, term_ids: Iterable[int]) -> Document:
    """Return the Document of a record with the terms `term_ids`. words: those of the record."""
    names = _term_names(record)
    return Document(
        title=words_in(record["title"]),
        terms=words_in(" ".join(names)),
        summary=words_in(record.get("summary", "")),
        body=words_in(f"{words.prose} {words.code}")[:MAX_WORDS],
        facets=sorted(term_ids),
    )


def index_texts(texts: Sequence[tuple[ListedText, RecordDict, Iterable[int]]]) -> None:
    """Add listed texts to the index, with their words for passages: [(text, record, term ids)]."""
    if not texts:
        return
    words = [plain_words(record) for _, record, _ in texts]
    documents = [
        (text.pk, document_of(record, found, term_ids))
        for (text, record, term_ids), found in zip(texts, words, strict=True)
    ]
    with connection.cursor() as cursor:
        engine_for(connection).write(cursor, documents)
    PlainText.objects.bulk_create(
        [
            PlainText(post_id=text.post_id, number=text.pk, **found._asdict())
            for (text, *_), found in zip(texts, words, strict=True)
        ],
        update_conflicts=True,
        unique_fields=["post"],
        update_fields=["number", *PlainWords._fields],
        batch_size=100,
    )
    _note()
    _learn({word for _, record, _ in texts for word in words_to_learn(record)})


def forget_texts(numbers: Iterable[int]) -> None:
    """Remove texts from the index."""
    numbers = list(numbers)
    if numbers:
        with connection.cursor() as cursor:
            engine_for(connection).forget(cursor, numbers)
        _note()


def scrub_index() -> None:
    """Leave no word of removed texts in the index. On SQLite a large one takes minutes."""
    with connection.cursor() as cursor:
        engine_for(connection).scrub(cursor)


def _note() -> None:
    # What triggers do for every other table: SQLite has none on a virtual one.
    note_changes([LISTS])


def forget_orphans() -> None:
    """Remove texts whose ListedText was deleted without telling the index.

    A number is used once, so an orphan never collides with a new text.
    """
    with connection.cursor() as cursor:
        numbers = engine_for(connection).orphans(cursor)
    for first in range(0, len(numbers), 500):
        forget_texts(numbers[first : first + 500])


def _term_names(record: RecordDict) -> list[str]:
    names = [*record.get("stack", ()), *record.get("tools", ()), *record.get("tags", ()), *record.get("authors", ())]
    names += [record[field] for field in ("topic", "code_language") if field in record]
    return names + [entity["name"] for entity in record.get("entities", ())]


def words_to_learn(record: RecordDict) -> set[str]:
    """Return the words of a record that readers may look for. A word that stands in a text once may be a mistake."""
    words = spelling_words([record["title"], record.get("summary", ""), *_term_names(record)])
    return words | spelling_words([prose_of(record)[:LEARNT]], at_least=2)


def _learn(words: Iterable[str]) -> None:
    """Store the spelling of new words.

    Words stay after their last text is gone, because a suggestion is tried before it is made.
    """
    # Of each word, the key that was added last says whether all are there.
    wanted = sorted((key_of_beginning(word), word) for word in set(words))
    known: set[tuple[str, str]] = set()
    # SQLite limits the number of values in one statement.
    for first in range(0, len(wanted), 500):
        keys, chunk = zip(*wanted[first : first + 500], strict=True)
        known |= set(SpellingKey.objects.filter(key__in=keys, word__in=chunk).values_list("key", "word"))
    new = sorted(
        (key, word)
        for mark, word in wanted
        if (mark, word) not in known
        for key in spelling_keys(word) | spelling_keys(mark)
    )
    SpellingKey.objects.bulk_create(
        [SpellingKey(key=key, word=word) for key, word in new], ignore_conflicts=True, batch_size=500
    )
