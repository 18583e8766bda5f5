"""Slugs: the readable part of an address, made from a title or a name. All that make one use slug_from()."""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii
from django.conf import settings

MAX_WORDS = 120
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# What a word loses, and what is said in words because it tells names apart: C, C++, C# and .NET.
_APOSTROPHES = re.compile("['`´‘’ʼ]")
_SPOKEN = (
    (re.compile(r"(?<![\w.])\.(?=[^\W\d_])"), " dot "),
    (re.compile(r"\+\+"), " plus plus "),
    (re.compile(r"\+"), " plus "),
    (re.compile(r"(?<=\b[A-Za-z])#"), " sharp "),
    (re.compile("&"), " and "),
    (re.compile("@"), " at "),
)
# Node.js is one word, 3.12 are two numbers.
_DOT_IN_WORD = re.compile(r"(?<=[^\W\d_])\.(?=[^\W\d_])")
# What most titles are made of: nothing here has a meaning of its own, and all but letters and digits ends a word.
_SIMPLE = re.compile(r"[A-Za-z0-9 ,:;!?()/_-]*")
_SIMPLE_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ,:;!?()/_-", "abcdefghijklmnopqrstuvwxyz          ")
# Each of these is a word or a syllable: 数据库 is shu-ju-ku.
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


# Letters and marks that no reader sees, so that two addresses could look alike: fillers and variation selectors.
# Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def slug_from(text: str, *, limit: int = MAX_WORDS) -> str:
    """Return the slug of a title or a name, cut after a whole word; "" if the text has no letters and digits.

    With SLUG_LETTERS=ascii other scripts are transliterated, with unicode they stay: C++ на Go → c-plus-plus-na-go or
    c-plus-plus-на-go.
    """
    if _SIMPLE.fullmatch(text):
        return cut_slug("-".join(text.translate(_SIMPLE_LETTERS).split()), limit)
    text = _INVISIBLE.sub("", _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text)))
    for sign, words in _SPOKEN:
        text = sign.sub(words, text)
    letter = _in_ascii if settings.SLUG_LETTERS == "ascii" else _as_written
    text = unicodedata.normalize("NFKC", "".join(map(letter, _DOT_IN_WORD.sub("", text))))
    return cut_slug("-".join(text.split()), limit)


def cut_slug(slug: str, limit: int) -> str:
    """Return at most `limit` characters of a slug: whole words, or the beginning of a word that is very long."""
    if len(slug) <= limit:
        return slug
    words = slug[: limit + 1].rpartition("-")[0]
    return words if len(words) >= limit // 2 else slug[:limit].rstrip("-")


def is_slug(text: str) -> bool:
    """Return whether `text` can be a slug: words of lowercase letters and digits of any script, single hyphens."""
    if text.isascii():
        return _PLAIN.fullmatch(text) is not None
    is_canonical = text == unicodedata.normalize("NFKC", text.lower())
    return is_canonical and all(word and all(map(_is_of_word, word)) for word in text.split("-"))


def _is_of_word(character: str) -> bool:
    if _INVISIBLE.match(character):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _as_written(character: str) -> str:
    """Return a character in lower case, nothing for an invisible one, and a space for all that is of no word."""
    if _is_of_word(character):
        return character.lower()
    return "" if unicodedata.category(character) == "Cf" else " "


@lru_cache(maxsize=4096)
def _in_ascii(character: str) -> str:
    """Return the same as _as_written() with the letters a–z and digits."""
    if character.isascii() or not _is_of_word(character):
        return _as_written(character)
    letters = re.sub("[^a-z0-9]", "", anyascii(character).lower())
    return f" {letters} " if _HAN.match(character) else letters
