"""Checks of the site's house style: rules that people edit in the admin, in the forms of Vale (vale.py)."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.db.models import Count, Max, QuerySet

from posts.content_checks.languages import language_code
from posts.content_checks.registry import Told, Unread, check, outside_input
from posts.content_checks.text import PASSAGES, CheckedText, Spot, spot_of
from posts.content_checks.vale import ALL_SECONDS, CODE, RULE_SECONDS, Match, Rule, RuleRefused, Unit, read_rule
from posts.db.prepared_query import prepared
from posts.models import StyleRule
from posts.records.schema import RecordDict
from posts.rendering.blocks import Block

HOUSE_STYLE = "house style"
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’)]{0,2}\s+(?=[\"“‘(]?[^\W_])|(?<=[。！？])")
# A name of code that nobody marked as such: System.Text.Json.
_DOTTED_NAME = re.compile(r"(?<![\w.])[A-Z]\w*(?:\.[A-Z]\w*)+(?![\w.])(?:\(\))?")
_LINES = {
    "title": frozenset({"text", "title", "heading", "heading.h1"}),
    "summary": frozenset({"text", "summary"}),
}
_INPUTS = [*PASSAGES, "stack", "language", HOUSE_STYLE]


@dataclass(frozen=True)
class _InForce:
    """A rule in use: for which posts, and how much it says."""

    name: str
    rule: Rule
    stops: bool
    stacks: frozenset[str]
    languages: frozenset[str]

    def is_about(self, record: RecordDict, language: str) -> bool:
        stacks = {name.casefold() for name in record.get("stack", ()) if isinstance(name, str)}
        return (not self.stacks or bool(self.stacks & stacks)) and (not self.languages or language in self.languages)


class _Style:
    """The rules in force as this process last read them, and the state of the table then."""

    state = "none"
    rules: Sequence[_InForce] = ()


_style = _Style()


def state_of_house_style() -> str:
    """Return a text that changes with the rules in force, in one query; read the rules again if it has changed.

    Whoever asks for the keys of the checks calls it, so that the checks themselves ask the database nothing.
    """
    counted = next(iter(_counted.rows()), None)
    state = "none"
    if counted:
        named = [("changed_at__max", counted[1]), ("pk__count", counted[0])]
        state = hashlib.sha256(repr(named).encode()).hexdigest()[:16]
    if state != _style.state:
        # First the rules: with a newer state and older rules, results would be stored under the wrong key.
        _style.rules = [] if state == "none" else _read_rules()
        _style.state = state
    return state


@prepared()
def _counted() -> QuerySet[StyleRule, tuple[int, datetime]]:
    """Return the number of rules in force and when the last of them was changed; no row without rules."""
    rules = StyleRule.objects.filter(is_on=True, problem="").order_by().values("is_on")
    return rules.annotate(rules=Count("pk"), last=Max("changed_at")).values_list("rules", "last")


outside_input(HOUSE_STYLE, state_of_house_style)


def _read_rules() -> list[_InForce]:
    rules = []
    for row in StyleRule.objects.filter(is_on=True, problem="").order_by("name"):
        try:
            rule = read_rule(row.name, row.source)
        except RuleRefused:
            # Another version of the site may have understood more.
            continue
        languages = frozenset(filter(None, map(language_code, row.languages)))
        stacks = frozenset(name.casefold() for name in row.stacks)
        rules.append(_InForce(row.name, rule, row.level == StyleRule.Level.REQUIRED, stacks, languages))
    return rules


@check("style-required", "stops", version=2, inputs=_INPUTS)
def style_required(text: CheckedText) -> Iterator[Told]:
    """Yield what required rules of the house style find."""
    yield from _told(text, [rule for rule in _style.rules if rule.stops])


@check("style-advice", "advises", version=2, inputs=_INPUTS)
def style_advice(text: CheckedText) -> Iterator[Told]:
    """Yield what the other rules of the house style find."""
    yield from _told(text, [rule for rule in _style.rules if not rule.stops])


def _told(text: CheckedText, rules: Sequence[_InForce]) -> Iterator[Told]:
    language = text.language
    rules = [rule for rule in rules if rule.is_about(text.record, language)]
    if not rules:
        return
    units, ends, slow = units_of(text), monotonic() + ALL_SECONDS, []
    for rule in rules:
        found: list[Match] = []
        try:
            found.extend(rule.rule.matches(units, min(RULE_SECONDS, ends - monotonic())))
        except TimeoutError:
            slow.append(rule.name)
        if found:
            first = found[0]
            # Most messages name the words already.
            words = "" if first.words in first.message else f"“{' '.join(first.words.split())[:80]}”"
            more = f"{len(found) - 1:,} more" if len(found) > 1 else ""
            named = " and ".join(filter(None, [words, more]))
            yield (
                f"{first.message} ({'; '.join(filter(None, [named, f'rule {rule.name}']))})",
                Spot.of(first.place).with_words(first.words),
                len(found),
                rule.name,
            )
    if slow:
        names = ", ".join(slow[:5]) + (" and others" if len(slow) > 5 else "")
        yield Unread(f"These rules of the house style took too long: {names}. Simplify their patterns.")


def units_of(text: CheckedText) -> list[Unit]:
    """Return the parts of a text that rules can be about, without code."""
    units = []
    record = text.record
    for name, of_line in _LINES.items():
        if words := record.get(name, ""):
            units.append(Unit(of_line, words, f"/{name}"))
    for number, image in enumerate(text.images):
        for name, scope in (("caption", "text"), ("alt", "alt")):
            if words := image.get(name, ""):
                units.append(Unit(frozenset({scope}), words, f"/image_sources/{number}/{name}"))
    for field, block in text.blocks:
        if block.is_code or block.kind in ("source", "comment") or block.placed:
            continue
        scopes, words = _scopes_of(block), _words_of(block)
        spot = spot_of(field, block)
        units.append(Unit(scopes, words, spot))
        if block.kind in ("paragraph", "item"):
            kept = scopes & {"blockquote"}
            units += [Unit(frozenset({"sentence"}) | kept, part, spot) for part in _SENTENCE_END.split(words) if part]
    for field in ("intro", "body"):
        if (source := record.get(field, "")) and field not in text.unparsed_fields:
            units.append(Unit(frozenset({"raw"}), source, Spot(f"/{field}")))
    return units


def _scopes_of(block: Block) -> frozenset[str]:
    scopes = {"text"}
    if block.kind == "heading":
        scopes |= {"heading", f"heading.h{min(6, max(1, block.level))}"}
    elif block.kind == "item":
        scopes.add("list")
    elif block.kind == "row":
        scopes |= {"table", "table.header" if "head" in block.setting else "table.cell"}
    else:
        scopes.add("paragraph")
    if ", quoted" in block.setting:
        scopes.add("blockquote")
    return frozenset(scopes)


def _words_of(block: Block) -> str:
    pairs = zip(block.tokens, block.styles, strict=True)
    words = "".join(
        CODE if "code" in style.formats else "" if style.formats & {"comment", "note"} else token
        for token, style in pairs
    )
    return _DOTTED_NAME.sub(CODE, words)
