"""The code examples in examples/*.md, adapted to any kind of record.

A file begins with "# language". Each example is "## family: Title", one or more paragraphs of a line that introduce it
(an article takes one of them), and a fenced block. They are written about invoices and also work for bookings or
refunds.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parent / "examples"
_ENTRY = re.compile(r"^## (\w+): (.+)\n((?:.+\n)+)\n(```(\w+)\n[\s\S]*?\n```)$", re.MULTILINE)
_ARTICLE = re.compile(r"(?<![A-Za-z])([Aa])n(?=[ _]invoice)")


@dataclass(frozen=True)
class Snippet:
    """code: the fenced block, ready for a body."""

    family: str
    title: str
    words: tuple[str, ...]
    code: str
    language: str


@cache
def _written(name: str) -> dict[str, Snippet]:
    """Return {family: Snippet about invoices} of one file."""
    text = (EXAMPLES / f"{name}.md").read_text(encoding="utf-8")
    return {
        match[1]: Snippet(match[1], match[2], tuple(match[3].splitlines()), match[4], match[5])
        for match in _ENTRY.finditer(text)
    }


@cache
def families_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the families that the files `names` have examples for, sorted."""
    return tuple(sorted({family for name in names for family in _written(name)}))


@cache
def snippet(names: tuple[str, ...], family: str, noun: str) -> Snippet:
    """Return the example of `family` in the first of the files `names` that has one, about `noun` ("booking")."""
    found = next(written for name in names if (written := _written(name).get(family)))
    words = tuple(_about(line, noun) for line in found.words)
    return Snippet(family, _about(found.title, noun), words, _about(found.code, noun), found.language)


def _about(text: str, noun: str) -> str:
    if noun[0] not in "aeiou":
        text = _ARTICLE.sub(r"\1", text)
    for written in (str.lower, str.capitalize, str.upper):
        text = text.replace(written("invoice"), written(noun))
    return text
