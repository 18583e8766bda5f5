"""Parses what somebody typed into the search field. It never fails."""

import re
from dataclasses import dataclass

from posts.search.tokens import EMPTY_WORDS, WORD, plain_word, stem_of

MAX_LENGTH = 200
# Only the first words of a query are used, because each of them costs.
MAX_WORDS = 10
_CHUNK = re.compile(r'"([^"]*)"?|([^\s"]+)')


# Stems that must be next to each other.
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """A parsed query.

    text: as it is shown again. phrases: tuples of stems that must be next to each other; all must be found.
    """

    text: str
    phrases: tuple[Phrase, ...] = ()

    @property
    def stems(self) -> frozenset[str]:
        return frozenset(stem for phrase in self.phrases for stem in phrase)

    def __bool__(self) -> bool:
        return bool(self.phrases)


def read_query(typed: str) -> Query:
    """Return the Query in `typed`: words, "exact phrases", and words with punctuation inside (node.js), as phrases.

    Everything else, such as operators of other search engines, separates words.
    """
    text = " ".join(typed.replace("\x00", " ").split())[:MAX_LENGTH]
    chunks = [WORD.findall(quoted or single) for quoted, single in _CHUNK.findall(text)]
    said = [words for words in chunks if len(words) > 1 or (words and plain_word(words[0]) not in EMPTY_WORDS)]
    phrases: dict[Phrase, None] = {}
    left = MAX_WORDS
    for words in said or chunks:
        phrase = tuple(stem for word in words if (stem := stem_of(word)))[:left]
        if phrase and phrase not in phrases:
            phrases[phrase] = None
            left -= len(phrase)
    return Query(text, tuple(phrases))
