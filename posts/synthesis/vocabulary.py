"""What generated posts are made of: the texts in vocabulary/, read once.

A text is one line of a TOML string. Its slots, such as {nouns}, are filled for each post (posts.synthesis.numbers).
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from posts.synthesis.snippets import families_of

FOLDER = Path(__file__).parent / "vocabulary"
# How often each stack comes in the cycle of subjects.
ROUNDS = 12
# First words of texts that keep their capital letter behind other words.
NAMES = frozenset(("I", "Go", "Kafka", "PostgreSQL", "Redis"))
# Names that always begin with a lower-case letter.
SMALL_NAMES = ("dbt", "nginx", "systemd", "pandas", "gRPC", "htmx", "axum")

_FIRST = re.compile(r"^\{(?:stack|short|unit|place|nouns?|a_noun|phrase|metric)(?=\})")

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """One technology.

    name: plural, as a subject ("Django services"); short: as in a title. kind: decides which problems it has
    (Problem.fits). examples: the files of examples/ whose code is right for it. unit: the piece of work that it does,
    with its article. place: where that work runs. parts: (name, type) of notions that an article about it names.
    probe: a shell command that looks at it and changes nothing. setups: how one is run, with versions and ports.
    facts: sentences that are true of this technology alone; checks: items for a checklist that make sense for it alone.
    """

    name: str
    short: str
    area: str
    kind: str
    language: str
    examples: Texts
    unit: str
    place: str
    tools: Texts
    parts: tuple[Texts, ...]
    probe: str
    setups: Texts
    facts: Texts
    checks: Texts


@dataclass(frozen=True)
class Metric:
    """A number before and after the change.

    base: what `before` is a thousandth part of ("volume" or "rows"), or empty for a number of its own.
    left: which percentage of it remains, or `then`, the number itself.
    """

    name: str
    unit: str
    base: str
    before: tuple[int, int]
    left: tuple[int, int]
    then: int | None


@dataclass(frozen=True)
class Problem:
    """family: the subject of the code that fits (a heading in examples/). action: its advice in one line.

    phrase: what the post is about, a verb in its -ing form. fits: the kinds of stacks (Stack.kind) that have it.
    headings: of the sections about problem, cause and change. metrics: the main one first; it always gets smaller.
    rejected: (option, why not).
    """

    family: str
    action: str
    phrase: str
    fits: frozenset[str]
    titles: Texts
    headings: Texts
    metrics: tuple[Metric, ...]
    symptoms: Texts
    causes: Texts
    fixes: Texts
    measuring: Texts
    results: Texts
    traps: Texts
    rejected: tuple[Texts, ...]
    checklist: Texts


@dataclass(frozen=True)
class Scenario:
    """tail: the circumstances in a few words. limits: what they forbid. proofs: how we knew that it was done."""

    tail: str
    settings: Texts
    limits: Texts
    proofs: Texts


def capital(text: str) -> str:
    """Return `text` with a capital first letter, except for names that are written in lower case."""
    return text if text.startswith(SMALL_NAMES) else text[0].upper() + text[1:]


def _lines(text: str) -> Texts:
    """Return the lines of a TOML string; a slot of words at the start of a line gets its capital form."""
    return tuple(_FIRST.sub(lambda slot: "{" + slot[0][1:].capitalize(), line) for line in text.strip().split("\n"))


def _pairs(text: str, divider: str = "|") -> tuple[Texts, ...]:
    return tuple(tuple(part.strip() for part in line.split(divider)) for line in text.strip().split("\n"))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


def _stack(fields: dict[str, Any]) -> Stack:
    texts = {key: _lines(fields.pop(key)) for key in ("setups", "facts", "checks")}
    texts["checks"] = tuple(map(capital, texts["checks"]))
    parts = tuple(tuple(part) for part in fields.pop("parts"))
    examples, tools = tuple(fields.pop("examples")), tuple(fields.pop("tools"))
    fields |= texts
    return Stack(**fields, parts=parts, examples=examples, tools=tools)


def _metric(name: str, unit: str, before: str, left: str) -> Metric:
    base, _, limits = before.rpartition(" ")
    then = int(left[1:]) if left.startswith("=") else None
    return Metric(name, unit, base, _range(limits), (0, 0) if then is not None else _range(left), then)


def _range(text: str) -> tuple[int, int]:
    low, high = text.split("-")
    return int(low), int(high)


def _problem(family: str, action: str, fields: dict[str, Any]) -> Problem:
    keys = ("titles", "symptoms", "causes", "fixes", "measuring", "results", "traps")
    return Problem(
        family=family,
        action=action,
        phrase=fields["phrase"],
        fits=frozenset(fields["fits"].split()),
        headings=_pairs(fields["headings"])[0],
        metrics=tuple(_metric(*parts) for parts in _pairs(fields["metrics"])),
        rejected=_pairs(fields["rejected"]),
        checklist=_pairs(fields["checklist"], ";")[0],
        **{key: _lines(fields[key]) for key in keys},
    )


def _problems() -> tuple[Problem, ...]:
    read = {path.stem: _read(f"problems/{path.name}") for path in sorted((FOLDER / "problems").glob("*.toml"))}
    return tuple(
        _problem(family, file["action"], fields) for family, file in read.items() for fields in file["problem"]
    )


def _prose() -> tuple[dict[str, Texts], ...]:
    """Return the connecting sentences, the openings, the headings, and the texts of the record, each by name."""
    file = _read("prose.toml")
    tables = (file, file.pop("openings"), file.pop("headings"), file.pop("record"))
    return tuple({key: _lines(text) for key, text in table.items()} for table in tables)


STACKS = tuple(_stack(fields) for fields in _read("stacks.toml")["stack"])
PROBLEMS = _problems()
SCENARIOS = tuple(
    Scenario(tail=fields["tail"], **{key: _lines(fields[key]) for key in ("settings", "limits", "proofs")})
    for fields in _read("scenarios.toml")["scenario"]
)
PROSE, OPENINGS, HEADINGS, RECORD = _prose()
NOUNS = PROSE["nouns"]
PHOTOS = _pairs("\n".join(RECORD["photos"]))
POOLS = _pairs("\n".join(RECORD["pools"]))


def problems_of(stack: Stack) -> tuple[Problem, ...]:
    """Return the problems that `stack` can have and that its examples can show in code."""
    families = families_of(stack.examples)
    return tuple(problem for problem in PROBLEMS if stack.kind in problem.fits and problem.family in families)


def _cycle() -> tuple[tuple[Stack, Problem, int], ...]:
    """Return ROUNDS subjects for each stack, with the problems as evenly as the stacks allow.

    The number says how often the problem has come before: each time an article takes others of its texts.

    Seeds walk through it (posts.synthesis.article), so that in any run of seeds no problem comes much more often.
    """
    used: Counter[str] = Counter()
    of_stack: Counter[tuple[str, str]] = Counter()
    fitting = [(stack, problems_of(stack)) for stack in STACKS]
    subjects = []
    for number in range(ROUNDS):
        for stack, problems in fitting:
            turned = problems[number % len(problems) :] + problems[: number % len(problems)]
            problem = min(turned, key=lambda one: (of_stack[stack.name, one.phrase] // 3, used[one.phrase]))
            subjects.append((stack, problem, used[problem.phrase]))
            used[problem.phrase] += 1
            of_stack[stack.name, problem.phrase] += 1
    return tuple(subjects)


SUBJECTS = _cycle()


def filled(text: str, slots: Mapping[str, str]) -> str:
    return text.format_map(slots) if "{" in text else text


@cache
def shortened(text: str) -> str:
    """Return a text without what follows its first sentence; with a dash for a colon, if it has only one."""
    first, _, rest = text.partition(". ")
    # A first sentence of a few words says nothing alone.
    return f"{first}." if rest and len(first) > 30 else text.replace(": ", " – ", 1)


@cache
def opened(opening: str, text: str) -> str:
    """Return a text behind an opening; alone, if its first word is a name, a slot or a sign."""
    first = text.partition(" ")[0].rstrip(",")
    letters = first.replace("-", "")
    is_word = letters.isalpha() and letters[1:] == letters[1:].lower() and first not in NAMES
    if is_word:
        return f"{opening} {text[0].lower()}{text[1:]}"
    return f"{opening} {text}" if letters.isupper() or first.startswith("“") else text
