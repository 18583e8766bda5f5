"""Parses what somebody typed into the search field. It never fails."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from posts.search.tokens import EMPTY_WORDS, WORD, plain_word, stem_of

MAX_LENGTH = 200
# Only the first words of a query are used, because each of them costs.
MAX_WORDS = 10
# A minus counts at the beginning of a word or a phrase: x-y is two words, and --force is one.
_CHUNK = re.compile(r'(?:(?<!\S)(-)(?=["\w]))?(?:"([^"]*)"?|([^\s"]+))')

# Stems that must be next to each other.
Phrase = tuple[str, ...]
Words = list[re.Match[str]]


@dataclass(frozen=True)
class Wish:
    """The latest `limit` texts with all `facets`. in_head: whose title or terms contain the phrases of a query."""

    facets: Sequence[int]
    limit: int
    in_head: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed query.

    text: as it is shown again. phrases, excluded: tuples of stems that must be next to each other; all phrases must be
    found, and none of the excluded ones. places: where in `text` the words of the phrases are.
    """

    text: str
    phrases: tuple[Phrase, ...] = ()
    excluded: tuple[Phrase, ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    @property
    def stems(self) -> frozenset[str]:
        """All stems of the phrases."""
        return frozenset(stem for phrase in self.phrases for stem in phrase)

    @property
    def only_excludes(self) -> bool:
        """Whether it names only words that must be absent, which finds nothing."""
        return bool(self.excluded) and not self.phrases

    def __bool__(self) -> bool:
        return bool(self.phrases)


def read_query(typed: str) -> Query:
    """Return the Query in `typed`: words, "exact phrases", and words with punctuation inside (node.js), as phrases.

    A word or phrase after a minus is excluded. Everything else, such as operators of other search engines, separates
    words.
    """
    text = " ".join(typed.replace("\x00", " ").split())[:MAX_LENGTH]
    wanted: list[Words] = []
    unwanted: list[Words] = []
    for chunk in _CHUNK.finditer(text):
        words = list(WORD.finditer(text, *chunk.span(2 if chunk[2] is not None else 3)))
        (unwanted if chunk[1] else wanted).append(words)
    phrases, left = _phrases([words for words in wanted if _says_something(words)] or wanted, MAX_WORDS)
    excluded, _ = _phrases([words for words in unwanted if _says_something(words)], left)
    places = [found.span() for words in wanted for found in words if stem_of(found[0])]
    return Query(text, phrases, excluded, tuple(places[:MAX_WORDS]))


def _says_something(words: Words) -> bool:
    return len(words) > 1 or (len(words) == 1 and plain_word(words[0][0]) not in EMPTY_WORDS)


def _phrases(chunks: Iterable[Words], left: int) -> tuple[tuple[Phrase, ...], int]:
    """Return (each phrase in `chunks` once, with at most `left` words in all; how many words are left)."""
    phrases: dict[Phrase, None] = {}
    for words in chunks:
        phrase = tuple(stem for word in words if (stem := stem_of(word[0])))[:left]
        if phrase and phrase not in phrases:
            phrases[phrase] = None
            left -= len(phrase)
    return tuple(phrases), left
