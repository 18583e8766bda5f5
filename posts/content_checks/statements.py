"""Statements that somebody should be able to prove: numbers, versions, quotations, and what others are said to say.

The review screen lists them with whether a source stands beside them, and a reviewer ticks those that they verified.
They are no findings, because most are right; only a title that the text contradicts is one.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from posts.content_checks.registry import Told, check
from posts.content_checks.text import CheckedText
from posts.records.schema import RecordDict
from posts.rendering.blocks import Block, Style, blocks_of

# Statements that are listed of one text, and characters of each.
MOST = 60
MAX_WORDS = 300
NUMBER, VERSION, QUOTATION, ATTRIBUTION = KINDS = ("number", "version", "quotation", "attribution")
# Characters of a block that are read for statements.
MAX_BLOCK = 10_000

_UNITS = (
    r"%|percent|per ?cent|x\b|times\b|fold\b|ms|µs|ns|s|sec(?:onds?)?|min(?:utes?)?|h|hours?|days?|weeks?|months?|"
    r"years?|"
    r"[KMGT]i?B|bytes?|bits?|[KMG]bps|req(?:uests?)?/s|requests?|rps|qps|users?|customers?|million|billion|trillion|thousand|"
    r"°C|kWh|W|km|m|USD|EUR|dollars?|euros?|Prozent|Sekunden|Minuten|Stunden|Tage|Jahre|Millionen|Milliarden"
)
_AMOUNT = r"\d{1,3}(?:[,.\u202f\u00a0 ]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_NUMBER = re.compile(
    rf"(?<![\w.,:/-])(?:[$€£]\s?(?:{_AMOUNT})|(?:{_AMOUNT})\s?(?:{_UNITS})(?![\w])|\d{{1,3}}(?:,\d{{3}})+|\d{{4,}}(?![\w:/-]))"
)
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_VERSION = re.compile(
    r"\b(?:[A-Z][\w.+#-]{1,30}|version|release)\s(v?\d{1,4}(?:\.\d{1,5}){1,3})(?![\w%])|(?<![\w.])(v\d{1,4}(?:\.\d{1,5}){1,3})\b"
)
_QUOTATION = re.compile(r"“[^“”\n]{25,600}”|„[^„“\n]{25,600}“|«[^«»\n]{25,600}»|\"[^\"\n]{25,600}\"")
_ATTRIBUTION = re.compile(
    r"\b(?:according to|as (?:reported|stated|measured|shown) by|"
    r"(?:stud(?:y|ies)|research(?:ers)?|surveys?|reports?|experts?|analysts?|benchmarks?|documentation|docs) "
    r"(?:shows?|suggests?|says?|found|finds?|states?|claims?|recommends?|agree)|"
    r"it is (?:widely|generally|well) (?:known|accepted|believed)|laut|zufolge|selon|"
    r"d['’]après|según|segundo|secondo)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’)]{0,2}\s+(?=[\"“‘(]?[^\W_])|(?<=[。！？])")
# What a title counts, with the number of it.
_COUNTED = re.compile(
    r"\b(\d{1,2})\s(?:[\w-]+\s){0,2}?(ways?|steps?|tips?|reasons?|mistakes?|things?|rules?|lessons?|tools?|questions?|"
    r"examples?|patterns?|principles?|best practices|tricks?|myths?|signs?|Schritte|Tipps|Gründe|Fehler|Regeln)\b",
    re.IGNORECASE,
)
_MEASURED = re.compile(rf"(?<![\w.,])({_AMOUNT})\s?({_UNITS})(?![\w])")
_TITLE_VERSION = re.compile(r"\b([A-Z][\w+#-]{1,30}(?:\.js)?)\s(v?\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?![\w.%])")
_WORDS = dict(
    zip(
        "two three four five six seven eight nine ten eleven twelve".split(),
        range(2, 13),
        strict=True,
    )
)


@dataclass(frozen=True)
class Statement:
    """A sentence with something to prove. key: the same for the same kind and words in any text."""

    kind: str
    words: str
    field: str
    line: int
    has_source: bool

    @property
    def key(self) -> str:
        """Sixteen hex digits."""
        return hashlib.sha256(f"{self.kind}\n{self.words}".encode()).hexdigest()[:16]


def statements_of(record: RecordDict) -> list[Statement]:
    """Return the statements of intro and body in their order, MOST at most, each sentence once."""
    found: dict[str, Statement] = {}
    for field in ("intro", "body"):
        for block in blocks_of(record.get(field, ""))[0]:
            if block.is_code or block.kind in ("source", "comment", "heading") or block.placed:
                continue
            source = _has_source(block.styles)
            for kind, words in _in_block(block):
                statement = Statement(kind, words[:MAX_WORDS], field, block.line, source)
                found.setdefault(statement.key, statement)
                if len(found) == MOST:
                    return list(found.values())
    return list(found.values())


def _has_source(styles: tuple[Style, ...]) -> bool:
    """Return whether a block names a source: it has a link or a note."""
    return any((style.address and not style.is_image) or "note" in style.formats for style in styles)


def _in_block(block: Block) -> Iterator[tuple[str, str]]:
    """Yield (kind, sentence) of a block. A sentence has the first kind that it fits."""
    pairs = zip(block.tokens, block.styles, strict=True)
    words = "".join("…" if "code" in style.formats else token for token, style in pairs)[:MAX_BLOCK]
    if ", quoted" in block.setting:
        yield QUOTATION, " ".join(words.split())
        return
    for sentence in _SENTENCE.split(words):
        shown = " ".join(sentence.split())
        if not shown:
            continue
        if _ATTRIBUTION.search(sentence):
            yield ATTRIBUTION, shown
        elif _QUOTATION.search(sentence):
            yield QUOTATION, shown
        elif any(not _YEAR.fullmatch(match[0]) for match in _NUMBER.finditer(sentence)):
            yield NUMBER, shown
        elif _VERSION.search(sentence):
            yield VERSION, shown


@check("title-numbers", "advises", inputs=["title", "intro", "body"])
def title_numbers(text: CheckedText) -> Iterator[Told]:
    """Yield numbers of the title that the text contradicts: how many there are of something, amounts, and versions."""
    title = text.record.get("title", "")
    blocks = [(field, block) for field, block in text.blocks if not block.is_code and block.kind != "source"]
    if not blocks or not text.is_parsed:
        return
    words = "\n".join(block.text for _, block in blocks)
    for match in _COUNTED.finditer(title):
        if (count := _counted(blocks, int(match[1]), words)) is not None:
            yield (
                f"The title says “{match[0]}”, but the text has {count}. Correct one of them.",
                "/title",
            )
    yield from _other_amounts(title, words)
    yield from _other_versions(title, words)


def _counted(blocks: list[tuple[str, Block]], wanted: int, words: str) -> str | None:
    """Return what the text has instead of `wanted` things, in words; None if it may have so many."""
    headings: dict[int, int] = {}
    lists: dict[int, int] = {}
    for _, block in blocks:
        if block.kind == "heading":
            headings[block.level] = headings.get(block.level, 0) + 1
        elif block.kind == "item" and block.depth == 1:
            lists[block.list_number] = lists.get(block.list_number, 0) + 1
    counts = {*headings.values(), *lists.values()}
    # An introduction, a summary and the like are sections too.
    if not counts or any(count - 3 <= wanted <= count for count in headings.values()) or wanted in lists.values():
        return None
    if wanted in _numbers_in(words):
        return None
    sections, longest = max(headings.values(), default=0), max(lists.values(), default=0)
    parts = [f"{sections} section{'' if sections == 1 else 's'}"] if sections else []
    parts += [f"a list of {longest}"] if longest else []
    return " and ".join(parts)


def _numbers_in(words: str) -> set[int]:
    found = {int(number) for number in re.findall(r"(?<![\w.,])\d{1,3}(?![\w.,]*\d)", words)}
    return found | {number for word, number in _WORDS.items() if re.search(rf"\b{word}\b", words, re.IGNORECASE)}


def _amount(number: str) -> str:
    return re.sub(r"[,\u202f\u00a0 ](?=\d{3})", "", number).replace(",", ".")


def _unit(unit: str) -> str:
    unit = unit.casefold()
    for name, others in (
        ("%", ("percent", "per cent", "prozent")), ("x", ("times", "fold")), ("s", ("sec", "second", "seconds")),
        ("min", ("minute", "minutes")), ("h", ("hour", "hours")),
    ):  # fmt: skip
        if unit in others:
            return name
    return unit.rstrip("s") if len(unit) > 2 else unit


def _other_amounts(title: str, words: str) -> Iterator[Told]:
    """Yield amounts of the title whose unit has other amounts in the text, and never this one."""
    in_text: dict[str, list[str]] = {}
    for match in _MEASURED.finditer(words):
        in_text.setdefault(_unit(match[2]), []).append(_amount(match[1]))
    for match in _MEASURED.finditer(title):
        others = in_text.get(_unit(match[2]), [])
        if others and _amount(match[1]) not in others:
            shown = ", ".join(dict.fromkeys(others[:3]))
            yield (
                f"The title says “{match[0].strip()}”, but the text says only other amounts of that kind ({shown}). "
                "Correct one of them.",
                "/title",
            )


def _other_versions(title: str, words: str) -> Iterator[Told]:
    """Yield versions of the title of something that the text names in other versions only."""
    for match in _TITLE_VERSION.finditer(title):
        name, version = match[1], match[2].removeprefix("v")
        found = re.findall(rf"\b{re.escape(name)}\sv?(\d{{1,3}}\.\d{{1,3}}(?:\.\d{{1,3}})?)(?![\w%])", words)
        if found and not any(other == version or other.startswith(f"{version}.") for other in found):
            yield (
                f"The title says “{match[0]}”, but the text is about {name} {', '.join(dict.fromkeys(found[:3]))}. "
                "Correct one of them.",
                "/title",
            )
