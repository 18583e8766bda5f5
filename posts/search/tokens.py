"""What search takes for a word, and which words it treats as the same.

Both engines get nothing else, so that they find the same.
"""

import re
import sys
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Scripts without spaces between words: each character is one word (kana, ideographs, and their compatibility forms).
_SINGLE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# C++, C# and F# are names; other punctuation separates words.
WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+(?:\+\+|\#)?")
SINGLE = re.compile(f"[{_SINGLE}]")
_SIGNS = re.compile(r"[^\w+#]|_")
MAX_LENGTH = 40
# Shorter ones may differ more: the stem of "dying" is "die".
LONG_STEM = 4
# Words without meaning for a text; a query with nothing else is used unchanged.
EMPTY_WORDS = frozenset(
    "a about an and are as at be by can do does for from has have how i if in into is it its my of on or our that the "
    "their then this to was we what when where which why will with you your".split()
)
_own = threading.local()


def hits_in(text: str, stems: frozenset[str]) -> Iterable[tuple[int, int, str]]:
    """Return (start, end, stem) of each word of a text whose stem is in `stems`, in order."""
    if not stems:
        return ()
    beginnings = _beginnings(stems)
    return _hits_of_long_stems(text, stems, beginnings) if beginnings else _hits_of_any_stems(text, stems)


@lru_cache(maxsize=1000)
def _beginnings(stems: frozenset[str]) -> tuple[str, ...]:
    """Return how words with these stems begin; () if a stem does not say so.

    From LONG_STEM letters on, a stem differs from the beginning of its words in its last letter at most.
    """
    are_long = all(len(stem) >= LONG_STEM and stem.isascii() for stem in stems)
    return tuple({stem[:-1] for stem in stems}) if are_long else ()


def _hits_of_any_stems(text: str, stems: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    # A stem begins like its words, except for accents: most words need no look.
    for found in _words_from(frozenset(stem[0] for stem in stems)).finditer(text):
        words: Iterable[re.Match[str]] = (found,)
        if not found[0].isascii():
            # Tokenized again from its first letter: scripts without spaces split it, and the pattern may have skipped
            # its first word.
            start = found.start()
            while start and text[start - 1].isalnum():
                start -= 1
            words = WORD.finditer(text, start, found.end())
        for word in words:
            if (stem := stem_of(word[0])) in stems:
                yield word.start(), word.end(), stem


def _hits_of_long_stems(text: str, stems: frozenset[str], beginnings: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Return what hits_in() returns, by looking for the beginnings of words, which takes a quarter of the time."""
    hits: set[tuple[int, int, str]] = set()
    plain = text
    if not text.isascii():
        # As long as the text itself.
        plain = text.encode("ascii", "replace").decode()
        hits.update(_hits_of_other_letters(text, plain, stems))
    plain = plain.lower()
    for beginning in beginnings:
        at = plain.find(beginning)
        while at >= 0:
            end = at + 1
            if (not at or not text[at - 1].isalnum()) and (word := WORD.match(text, at)) and word[0].isascii():
                end = word.end()
                if (stem := stem_of(word[0])) in stems:
                    hits.add((at, end, stem))
            at = plain.find(beginning, end)
    return sorted(hits)


def _hits_of_other_letters(text: str, plain: str, stems: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the hits in what stands together with letters outside of ASCII. plain: with question marks for those."""
    at = plain.find("?")
    while at >= 0:
        start, done = at, at + 1
        if text[at].isalnum():
            while start and text[start - 1].isalnum():
                start -= 1
            while done < len(text) and text[done].isalnum():
                done += 1
            for word in WORD.finditer(text, start):
                if word.start() >= done:
                    break
                if (stem := stem_of(word[0])) in stems:
                    yield word.start(), word.end(), stem
        at = plain.find("?", done)


@lru_cache(maxsize=1000)
def _words_from(letters: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of words that begin with one of `letters`.

    It also matches after any non-ASCII character, where a word may begin in the middle of letters.
    """
    others = "".join(sign for sign in map(chr, range(128)) if sign.lower() not in letters)
    # A pattern that begins with a character set is four times as fast; whether a word begins there is checked
    # afterwards. The set is negated, which compiles fastest.
    begins = r"(?:(?<=[^\x00-\x7f])(?<=[^\W_])|(?<![^\W_].))"
    return re.compile(rf"[^{re.escape(others)}]{begins}[^\W_]*(?:\+\+|\#)?", re.DOTALL)


def words_in(text: str) -> list[str]:
    """Return the words of a text in order, each as its stem."""
    return [stem for word in WORD.findall(text) if (stem := stem_of(word))]


@lru_cache(maxsize=20_000)
def plain_word(word: str) -> str:
    """Return a word without case, accents and compatibility forms; "" if nothing remains."""
    folded = unicodedata.normalize("NFKD", word.casefold())
    return _SIGNS.sub("", "".join(sign for sign in folded if not unicodedata.combining(sign)))[:MAX_LENGTH]


@cache
def _english() -> Any:
    """Return the class of the English stemmer, loaded alone: the whole package has forty languages, of 3 MB."""
    name = f"{__name__}.stemmers"
    package = ModuleType(name)
    package.__path__ = getattr(find_spec("snowballstemmer"), "submodule_search_locations", [])
    sys.modules.setdefault(name, package)
    return import_module(f"{name}.english_stemmer").EnglishStemmer


@lru_cache(maxsize=20_000)
def stem_of(word: str) -> str:
    """Return the stem of a word, the same for all its forms: retry, retries, retrying.

    Only English is supported; words of other languages sometimes lose an ending, in texts and queries alike.
    """
    plain = plain_word(word)
    if not (plain.isascii() and plain.isalpha() and len(plain) > 2):
        return plain
    # A stemmer keeps the current word, so each thread has its own.
    if not hasattr(_own, "stemmer"):
        _own.stemmer = _english()()
    stem: str = _own.stemmer.stemWord(plain)
    return stem
