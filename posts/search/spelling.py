"""Another spelling for a word that nothing is found for, out of the words of titles and terms.

Each word is kept under itself and under what is left without one of its letters; so is the word asked for. What shares
a key is at most two slips apart, whatever the number of words: a letter missing, too many, another one, or two that
changed places. Source of the idea: T. Bocek, E. Hunt, B. Stiller, "Fast similarity search in large dictionaries", 2007.
"""

from posts.models import SpellingKey
from posts.search.tokens import WORD, plain_word

MIN_LENGTH = 4
MAX_LENGTH = 30


def spelling_words(texts):
    """The words of `texts` that a suggestion may consist of."""
    plain = {plain_word(word) for text in texts for word in WORD.findall(text)}
    return {word for word in plain if MIN_LENGTH <= len(word) <= MAX_LENGTH and word.isalpha()}


def spelling_keys(word):
    """The word itself, and what is left of it without one of its letters."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def near_words(word, *, limit=3):
    """The known words that `word` may be a slip of, the nearest first; `word` itself is none of them."""
    if not MIN_LENGTH - 1 <= len(word) <= MAX_LENGTH + 1:
        return []
    found = SpellingKey.objects.filter(key__in=spelling_keys(word)).values_list("word", flat=True)
    near = sorted((distance(word, other), other[:1] != word[:1], other) for other in set(found[:500]) - {word})
    return [other for slips, _, other in near if slips <= 2][:limit]


def distance(one, other):
    """How many slips lead from one word to the other: a letter missing, too many, another one, or two neighbours that
    changed places (optimal string alignment; F. J. Damerau, 1964)."""
    before, last = [], list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
