"""Rules of a house style in the YAML forms of Vale, read and applied to the units of a text.

The forms existence, substitution, occurrence, repetition, capitalization and conditional are supported. A rule of
another form is refused with the reason. Patterns are written for Go; the package `regex` reads the same syntax, and
stops when its time is over, so that no pattern of a rule can hold up the site.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import yaml

KINDS = ("existence", "substitution", "occurrence", "repetition", "capitalization", "conditional")
SCOPES = {
    "text", "heading", *(f"heading.h{level}" for level in range(1, 7)), "title", "summary", "paragraph", "sentence",
    "list", "blockquote", "table", "table.header", "table.cell", "alt", "raw",
}  # fmt: skip
MAX_SOURCE = 200_000
MAX_PATTERN = 100_000
# Seconds that one rule, and all rules together, may take for a text.
RULE_SECONDS = 0.5
ALL_SECONDS = 2.0
# Matches of one rule that are counted.
MAX_MATCHES = 200
# Where code is left out of a unit; no rule means this character.
CODE = "\ufffc"
# What stays small in a title, besides its first and its last word.
_SMALL = frozenset(
    "a an and as at but by for from if in into nor of off on onto or over per so the to up via with yet".split()
)
# The share of words that must be right in a heading.
_THRESHOLD = 0.8
# Calls of a group or of the whole pattern.
_RECURSION = re.compile(r"\(\?(?:R|[+-]?\d+|&\w+|P>\w+)\)")


class RuleRefused(ValueError):
    """The rule can't be used; the message says why."""


@dataclass(frozen=True)
class Unit:
    """A part of a text with the scopes that it belongs to. place: what a finding about it points to."""

    scopes: frozenset[str]
    words: str
    place: Any


@dataclass(frozen=True)
class Match:
    """What a rule found: its message, the words, and where."""

    message: str
    words: str
    place: Any


@dataclass(frozen=True)
class Rule:
    """A rule that can be applied. scopes: alternatives, each (those that a unit has, those that it does not have)."""

    name: str
    kind: str
    message: str
    scopes: tuple[tuple[frozenset[str], frozenset[str]], ...]
    find: Callable[["Rule", Sequence[Unit], float], Iterator[Match]]
    pattern: Any = None
    second: Any = None
    replacements: tuple[str, ...] = ()
    exceptions: Any = None
    most: int | None = None
    least: int | None = None
    case: str = ""
    words: frozenset[str] = frozenset()
    indicators: tuple[str, ...] = ()
    threshold: float = _THRESHOLD
    alpha: bool = False

    def applies_to(self, unit: Unit) -> bool:
        """Return whether the rule is about a unit. Quotations are somebody else's words, unless it asks for them."""
        for wanted, unwanted in self.scopes:
            # A sentence is part of another unit, so only rules about sentences look at it.
            if ("sentence" in unit.scopes) != ("sentence" in wanted):
                continue
            if wanted <= unit.scopes and not unwanted & unit.scopes:
                return "blockquote" in wanted or "raw" in wanted or "blockquote" not in unit.scopes
        return False

    def matches(self, units: Sequence[Unit], seconds: float = RULE_SECONDS) -> Iterator[Match]:
        """Yield what the rule finds. Raises TimeoutError after about `seconds`."""
        ends = monotonic() + seconds
        about = [unit for unit in units if self.applies_to(unit)]
        for number, match in enumerate(self.find(self, about, ends)):
            if number >= MAX_MATCHES:
                return
            yield match


def said(message: str, *words: str) -> str:
    """Return a message with its `%s` filled in, as Go does, without more of them than there are words."""
    parts = message.split("%s")
    filled = parts[0]
    for number, part in enumerate(parts[1:]):
        filled += (words[number] if number < len(words) else "…") + part
    return filled.replace("%%", "%")


def _left(ends: float) -> float:
    """Return the seconds that are left; raise TimeoutError if there are none."""
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _found(pattern: Any, words: str, ends: float) -> Iterator[Any]:
    return pattern.finditer(words, timeout=_left(ends))  # type: ignore[no-any-return]


def _existence(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    for unit in units:
        for match in _found(rule.pattern, unit.words, ends):
            if match[0].strip() and not _is_exception(rule, match[0], ends):
                yield Match(said(rule.message, match[0].strip()), match[0].strip(), unit.place)


def _is_exception(rule: Rule, words: str, ends: float) -> bool:
    if rule.exceptions is None:
        return False
    return bool(rule.exceptions.fullmatch(words.strip(), timeout=_left(ends)))


def _substitution(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    for unit in units:
        for match in _found(rule.pattern, unit.words, ends):
            number = next((n for n in range(len(rule.replacements)) if match[f"swap{n}"] is not None), None)
            if number is None or _is_exception(rule, match[0], ends):
                continue
            options = rule.replacements[number].split("|")
            if match[0] in options:
                continue
            better = " or ".join(f"{option}" for option in options)
            yield Match(said(rule.message, better, match[0]), match[0], unit.place)


def _occurrence(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    for unit in units:
        count = sum(1 for _ in _found(rule.pattern, unit.words, ends))
        if (rule.most is not None and count > rule.most) or (rule.least is not None and count < rule.least):
            start = " ".join(unit.words.split()[:6])
            yield Match(said(rule.message, str(count)), start, unit.place)


def _repetition(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    most = rule.most or 0
    for unit in units:
        before, repeats, end = "", 0, 0
        for match in _found(rule.pattern, unit.words, ends):
            word = match[0]
            is_next = not unit.words[end : match.start()].strip()
            same = word == before and is_next and (not rule.alpha or word.isalpha()) and CODE not in word
            repeats = repeats + 1 if same else 0
            if repeats > most:
                yield Match(said(rule.message, word), f"{word} {word}", unit.place)
            before, end = word, match.end()


def _conditional(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    known: set[str] = set()
    for unit in units:
        for match in _found(rule.second, unit.words, ends):
            known.update(group for group in match.groups() or (match[0],) if group)
    for unit in units:
        for match in _found(rule.pattern, unit.words, ends):
            word = match[1] if match.re.groups and match[1] else match[0]
            if word not in known and not _is_exception(rule, word, ends):
                known.add(word)
                yield Match(said(rule.message, word), word, unit.place)


def _capitalization(rule: Rule, units: Sequence[Unit], ends: float) -> Iterator[Match]:
    for unit in units:
        words = unit.words.strip()
        if not words or CODE in words[:1]:
            continue
        if monotonic() > ends:
            raise TimeoutError
        if not _has_case(rule, words, ends):
            yield Match(said(rule.message, words), words, unit.place)


def _has_case(rule: Rule, words: str, ends: float) -> bool:
    match rule.case:
        case "$lower":
            return words == words.lower()
        case "$upper":
            return words == words.upper()
        case "$title":
            return _share_right(rule, words, _is_title_word) > rule.threshold
        case "$sentence":
            return _share_right(rule, words, _is_sentence_word) > rule.threshold
        case _:
            return any(True for _ in _found(rule.pattern, words, ends))


def _share_right(rule: Rule, text: str, is_right: Callable[[Rule, str, bool, bool], bool]) -> float:
    parts = text.split()
    right = 0
    for number, part in enumerate(parts):
        is_first = number == 0 or parts[number - 1].endswith(rule.indicators or ("\0",))
        word = part.strip(".,;:!?()[]{}\"'“”‘’«»…*_/")
        right += not word or word in rule.words or is_right(rule, word, is_first, number == len(parts) - 1)
    return right / max(1, len(parts))


def _is_special(word: str) -> bool:
    """Return whether nobody can say how a word is written: a name such as GraphQL, an abbreviation, a version, code."""
    return not word[:1].isalpha() or any(letter.isupper() or letter.isdigit() for letter in word[1:]) or CODE in word


def _is_title_word(rule: Rule, word: str, is_first: bool, is_last: bool) -> bool:
    if _is_special(word):
        return True
    if word.lower() in _SMALL and not is_first and not is_last:
        return word == word.lower()
    return word[:1].isupper()


def _is_sentence_word(rule: Rule, word: str, is_first: bool, is_last: bool) -> bool:
    if _is_special(word) or word == "I":
        return True
    return word[:1].isupper() if is_first else word[:1].islower()


_FINDERS = {
    "existence": _existence,
    "substitution": _substitution,
    "occurrence": _occurrence,
    "repetition": _repetition,
    "capitalization": _capitalization,
    "conditional": _conditional,
}


def read_rule(name: str, source: str) -> Rule:
    """Return the Rule that a YAML text in one of Vale's forms describes; raise RuleRefused if it can't be used."""
    # Imported here: it takes 3 MB, and many sites have no rules.
    import regex

    words = read_yaml(source)
    kind = words.get("extends")
    if not isinstance(kind, str) or not kind:
        raise RuleRefused("The rule does not say what it extends. Add “extends: existence” or another form.")
    if kind not in KINDS:
        raise RuleRefused(f"Rules of the form “{kind[:40]}” are not supported. The forms are: {', '.join(KINDS)}.")
    message = words.get("message")
    if not isinstance(message, str) or not message.strip():
        raise RuleRefused("The rule has no message.")
    try:
        return _Reading(name, kind, message.strip(), words).rule()
    except regex.error as error:
        raise RuleRefused(f"A pattern can't be read: {error}."[:400]) from None
    except (RecursionError, OverflowError, MemoryError):
        raise RuleRefused("A pattern is nested too deeply or too large.") from None


def read_yaml(source: str) -> dict[str, Any]:
    """Return the mapping of a YAML text; raise RuleRefused for anything else, and for aliases, which can multiply."""
    if len(source) > MAX_SOURCE:
        raise RuleRefused(f"The rule is longer than {MAX_SOURCE:,} characters.")
    try:
        has_alias = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=yaml.CSafeLoader))
        words = {} if has_alias else yaml.CSafeLoader(source).get_single_data()
    except yaml.YAMLError as error:
        raise RuleRefused(f"This is not YAML: {str(error).splitlines()[0]}.") from None
    except (RecursionError, ValueError):
        raise RuleRefused("The YAML is nested too deeply, or has a value that does not exist.") from None
    if has_alias:
        raise RuleRefused("The rule uses YAML aliases. Write the values out.")
    if not isinstance(words, dict):
        raise RuleRefused("The rule is not a YAML mapping with “extends” and “message”.")
    return words


def _written(value: object) -> str:
    """Return a value as it stands in the rule. YAML reads an unquoted yes, no, on and off as something else."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@dataclass
class _Reading:
    """Reads the parts of one rule."""

    name: str
    kind: str
    message: str
    words: dict[Any, Any]
    parts: dict[str, Any] = field(default_factory=dict)

    def rule(self) -> Rule:
        getattr(self, f"_read_{self.kind}")()
        exceptions = self._texts("exceptions")
        if exceptions and self.kind != "capitalization":
            self.parts["exceptions"] = self._compiled("|".join(f"(?:{pattern})" for pattern in exceptions))
        return Rule(self.name, self.kind, self.message, self._scopes(), _FINDERS[self.kind], **self.parts)

    def _texts(self, key: str) -> list[str]:
        value = self.words.get(key, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(part, (str, int, float, bool)) for part in value):
            raise RuleRefused(f"“{key}” must be a list of texts.")
        return [_written(part) for part in value]

    def _number(self, key: str) -> int | None:
        value = self.words.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise RuleRefused(f"“{key}” must be a whole number.")
        return value

    def _compiled(self, pattern: str) -> Any:
        import regex

        if len(pattern) > MAX_PATTERN:
            raise RuleRefused(f"The patterns of the rule together are longer than {MAX_PATTERN:,} characters.")
        if _RECURSION.search(pattern):
            raise RuleRefused("A pattern contains itself. Patterns of Go can’t, and it would use too much memory.")
        flags = regex.VERSION1 | regex.MULTILINE | (regex.IGNORECASE if self.words.get("ignorecase") is True else 0)
        try:
            return regex.compile(pattern.replace(r"\z", r"\Z"), flags)
        except ValueError as error:
            # Flags in a pattern that exclude one another, or ours.
            raise RuleRefused(f"A pattern can't be read: {error}."[:400]) from None

    def _bounded(self, pattern: str) -> str:
        """Return a pattern that begins and ends with a word, unless the rule says nonword."""
        return pattern if self.words.get("nonword") is True else rf"\b{pattern}\b"

    def _scopes(self) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
        found = []
        for scope in self._texts("scope") or ["text"]:
            parts = [part.strip() for part in scope.split("&")]
            unwanted = {part[1:] for part in parts if part.startswith("~")}
            wanted = {part for part in parts if not part.startswith("~")} or {"text"}
            if unknown := sorted((wanted | unwanted) - SCOPES):
                raise RuleRefused(f"The scope “{unknown[0][:40]}” is not supported.")
            found.append((frozenset(wanted), frozenset(unwanted)))
        return tuple(found)

    def _read_existence(self) -> None:
        tokens, raw = self._texts("tokens"), "".join(self._texts("raw"))
        if not tokens and not raw:
            raise RuleRefused("The rule names no tokens.")
        pattern = self._bounded(f"(?:{'|'.join(tokens)})") if tokens else ""
        self.parts["pattern"] = self._compiled(raw + pattern)

    def _read_substitution(self) -> None:
        swap = self.words.get("swap")
        if not isinstance(swap, dict) or not swap:
            raise RuleRefused("The rule has no “swap” with what to write instead.")
        keys, replacements = [], []
        for number, (key, value) in enumerate(swap.items()):
            keys.append(f"(?P<swap{number}>{_written(key)})")
            replacements.append(_written(value))
        self.parts["pattern"] = self._compiled(self._bounded(f"(?:{'|'.join(keys)})"))
        self.parts["replacements"] = tuple(replacements)

    def _read_occurrence(self) -> None:
        token = self.words.get("token")
        if not isinstance(token, str) or not token:
            raise RuleRefused("The rule has no token.")
        self.parts |= {"pattern": self._compiled(token), "most": self._number("max"), "least": self._number("min")}
        if self.parts["most"] is None and self.parts["least"] is None:
            raise RuleRefused("The rule has neither min nor max.")

    def _read_repetition(self) -> None:
        tokens = self._texts("tokens") or [r"[^\s]+"]
        self.parts |= {"pattern": self._compiled("|".join(tokens)), "most": self._number("max")}
        self.parts["alpha"] = self.words.get("alpha") is True

    def _read_conditional(self) -> None:
        for key, part in (("first", "pattern"), ("second", "second")):
            if not isinstance(self.words.get(key), str):
                raise RuleRefused(f"The rule has no “{key}”.")
            self.parts[part] = self._compiled(self.words[key])

    def _read_capitalization(self) -> None:
        case = self.words.get("match")
        if not isinstance(case, str) or not case:
            raise RuleRefused("The rule has no “match”.")
        self.parts |= {"case": case, "words": frozenset(self._texts("exceptions"))}
        self.parts["indicators"] = tuple(self._texts("indicators"))
        threshold = self.words.get("threshold")
        if isinstance(threshold, (int, float)) and not isinstance(threshold, bool):
            self.parts["threshold"] = float(threshold)
        if case not in ("$title", "$sentence", "$lower", "$upper"):
            self.parts["pattern"] = self._compiled(case)
