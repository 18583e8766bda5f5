"""Suggests another spelling for a word without matches.

It knows the words of titles, terms and summaries, and those that a text repeats. Each word is stored under itself and
under itself without any one letter; so is the beginning of a long word. The word asked for is treated alike. Words that
share a key are at most two typing mistakes apart (a letter missing, added, replaced, or swapped), and the cost doesn't
depend on the number of words. Source of the idea: T. Bocek, E. Hunt, B. Stiller, "Fast similarity search in large
dictionaries", 2007.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from posts.models import SpellingKey
from posts.search.tokens import WORD, plain_word

MIN_LENGTH = 3
MAX_LENGTH = 30
# From so many letters on, the beginning of a word is stored too.
LONG = 8
# A word of up to so many letters is at most one mistake from another; with two, half of it would be wrong.
SHORT = 4


def spelling_words(texts: Iterable[str], *, at_least: int = 1) -> set[str]:
    """Return the words of `texts` that a suggestion may contain: those that occur `at_least` so many times."""
    counts = Counter(plain_word(word) for text in texts for word in WORD.findall(text))
    return {
        word
        for word, count in counts.items()
        if count >= at_least and MIN_LENGTH <= len(word) <= MAX_LENGTH and word.isalpha()
    }


def spelling_keys(word: str) -> set[str]:
    """Return the word itself, and the word without any one of its letters."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def key_of_beginning(word: str) -> str:
    """Return a long word without its last two letters, which people leave out, and a shorter word as it is."""
    return word[:-2] if len(word) >= LONG else word


def near_words(words: list[str], *, limit: int = 3) -> dict[str, list[str]]:
    """Return {word: known words that it may be a slip of, nearest first, at most `limit`} in one query."""
    keys = {word: spelling_keys(word) for word in words if MIN_LENGTH - 1 <= len(word) <= MAX_LENGTH + 1}
    known: dict[str, set[str]] = defaultdict(set)
    if keys:
        rows = SpellingKey.objects.filter(key__in=set().union(*keys.values())).values_list("key", "word")
        for key, word in rows[: 500 * len(keys)]:
            known[key].add(word)
    return {word: _nearest(word, set().union(*(known[key] for key in keys.get(word, ()))))[:limit] for word in words}


def _nearest(word: str, others: set[str]) -> list[str]:
    near = sorted((_slips(word, other), other[:1] != word[:1], other) for other in others - {word})
    most = 1 if len(word) <= SHORT else 2
    return [other for slips, _, other in near if slips <= most]


def _slips(word: str, other: str) -> int:
    """Return the number of mistakes in a word; to leave out the end of a long one is one mistake."""
    return min(distance(word, other), 1 + distance(word, key_of_beginning(other)))


def distance(one: str, other: str) -> int:
    """Return the number of typing mistakes between two words.

    A mistake is a letter missing, added, replaced, or swapped with its neighbour (optimal string alignment; F. J.
    Damerau, 1964).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
