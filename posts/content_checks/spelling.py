"""The check of spelling: usual misspellings of English and technical words, from the list of codespell."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from posts.content_checks.languages import other_language
from posts.content_checks.registry import Told, Unread, check
from posts.content_checks.text import PASSAGES, CheckedText, Spot

# Not half of a contraction such as “couldn’t”.
_WORD = re.compile(r"(?<![\w./@:'’-])[a-z]{3,40}(?![\w/@:-]|\.\w|['’]\w)", re.IGNORECASE)
_BEGINS = re.compile(r"(?:^|[.!?:\n][\"”’)]?\s+)[\"“‘(]?$")
# A shorter word with a capital is a name, also where a sentence begins.
_SHORTEST_AT_BEGIN = 6
# So much of a text is read for its language.
LANGUAGE_SAMPLE = 20_000


# Other spellings, which dictionaries have.
_VARIANTS = frozenset("cancelation cancelations useable useability".split())


@cache
def misspellings() -> dict[str, str]:
    """Return {misspelling: what to write} of codespell's list; empty without the package.

    Only its list is read, none of its code. Words that have a second meaning, which the list marks by a reason, are
    left out.
    """
    package = find_spec("codespell_lib")
    if package is None or not package.submodule_search_locations:
        return {}
    path = Path(package.submodule_search_locations[0]) / "data" / "dictionary.txt"
    words = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        wrong, _, right = line.partition("->")
        options = [option.strip() for option in right.split(",")]
        # A line that ends with a comma has several answers; what follows the last comma is a reason.
        if len(options) > 1 and options[-1]:
            continue
        if wrong.lower() in _VARIANTS:
            continue
        words[wrong.lower()] = " or ".join(filter(None, options))
    return words


@check("spelling", "advises", version=2, inputs=[*PASSAGES, "language"])
def spelling(text: CheckedText) -> Iterator[Told]:
    """Yield words of an English text that are usual misspellings, once each."""
    if not text.is_english or _is_in_another_language(text):
        yield Unread("Not checked: this check knows only English words, and the text is in another language.")
        return
    known, found = misspellings(), set()
    for pointer, words, is_quoted in text.passages:
        if is_quoted:
            continue
        for match in _WORD.finditer(words):
            word = match[0]
            if word[0].isupper() and not _begins_sentence(words, match):
                continue
            # Capitals inside a word, or nothing but capitals: a name.
            if word[1:].islower() and (better := known.get(word.lower())) and word.lower() not in found:
                found.add(word.lower())
                yield f"“{word}” is a usual misspelling. Write {better}.", Spot.of(pointer).with_words(word)


def _begins_sentence(words: str, match: re.Match[str]) -> bool:
    """Return whether a word with a capital may be no name: a longer one at the beginning of a sentence."""
    before = words[max(0, match.start() - 5) : match.start()]
    return len(match[0]) >= _SHORTEST_AT_BEGIN and (match.start() == 0 or bool(_BEGINS.search(before)))


def _is_in_another_language(text: CheckedText) -> bool:
    """Return whether a text whose record names no language is surely not English."""
    if text.record.get("language"):
        return False
    words = "\n".join(
        words for pointer, words, quoted in text.passages if pointer in ("/intro", "/body") and not quoted
    )
    return bool(other_language(words[:LANGUAGE_SAMPLE], "en"))
