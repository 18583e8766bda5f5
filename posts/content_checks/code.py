"""Checks of code blocks. Nothing is executed: the texts only go through parsers, in a process with limits."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from posts.code_reading.grammars import installed
from posts.code_reading.reading import READ_BY_PYTHON, read_block
from posts.code_reading.results import Reading
from posts.content_checks.registry import BACKGROUND, Told, Unread, check, outside_input
from posts.content_checks.text import CheckedText, Spot
from posts.rendering.blocks import Block

CODE_SYNTAX = "code-syntax"
PARSERS = "code parsers"
NAMES_SHOWN = 8


@dataclass(frozen=True)
class BlockResult:
    """What reading one code block said, as it is stored.

    number: from 1, in the order of the text. field, line: where the block begins. at, column: of the fault, in the
    block, from 1; 0 if unknown.
    """

    number: int
    field: str
    line: int
    state: str
    language: str
    message: str = ""
    at: int = 0
    column: int = 0


def block_results(text: CheckedText) -> list[BlockResult]:
    """Return the result of each code block of intro and body."""
    return [
        BlockResult(number, field, block.line, read.state, read.language, read.message, read.line, read.column)
        for number, (field, block, read) in enumerate(text.read_code, 1)
    ]


def counts_of(states: Iterable[str]) -> Counter[str]:
    """Return {state: number of blocks} in the order of screens."""
    counted = Counter(states)
    return Counter({state: counted[state] for state in ("broken", "unread", "fragment", "parsed") if counted[state]})


@lru_cache(maxsize=1)
def _installed_parsers() -> str:
    return hashlib.sha256("\n".join(installed()).encode()).hexdigest()[:16]


outside_input(PARSERS, _installed_parsers)


def _while_typing(text: CheckedText) -> Iterator[Told]:
    """Yield the broken blocks among those that Python's own parsers read: they are safe in any process."""
    blocks = [(field, block) for field, block in text.blocks if block.is_code]
    for number, (field, block) in enumerate(blocks, 1):
        if block.language.lower() in READ_BY_PYTHON:
            reading = read_block(block.language, block.text)
            if reading.state == "broken":
                yield _told(number, field, block, reading)


@check(
    CODE_SYNTAX, "advises", version=3, inputs=["intro", "body", PARSERS], cost=BACKGROUND, while_typing=_while_typing
)
def code_syntax(text: CheckedText) -> Iterator[Told]:
    """Yield the code blocks that their parser refuses."""
    unread: dict[str, Counter[str]] = {}
    for number, (field, block, reading) in enumerate(text.read_code, 1):
        if reading.state == "broken":
            yield _told(number, field, block, reading)
        elif reading.state == "unread":
            unread.setdefault(reading.message, Counter())[reading.language] += 1
    if unread:
        count, number = sum(map(Counter.total, unread.values())), len(text.read_code)
        reasons = "; ".join(_because(reason, languages) for reason, languages in unread.items())
        yield Unread(f"{count} of {number} code block{'' if number == 1 else 's'} not checked ({reasons}).")


def _told(number: int, field: str, block: Block, reading: Reading) -> Told:
    column = f", column {reading.column}" if reading.column else ""
    place = f" (line {reading.line}{column} of it)" if reading.line else ""
    return (
        f"Code block {number} is not valid {reading.language}: {reading.message}{place}. "
        f"Fix it, or set its language to text.",
        # The block begins with the line that opens it.
        Spot(f"/{field}", block.line + reading.line),
    )


def _because(reason: str, languages: Counter[str]) -> str:
    """Return why these languages were not read: "Go, Rust: no parser is installed"."""
    names = ", ".join(list(languages)[:NAMES_SHOWN]) + (", …" if len(languages) > NAMES_SHOWN else "")
    if len(languages) > 1:
        reason = reason.replace("this language", "these languages")
    return f"{names}: {reason}" if names else reason
