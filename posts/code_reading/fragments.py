"""Reads code with a grammar: as written, then with what was left out, then as part of something larger."""

import re
import textwrap
from collections.abc import Iterator

from posts.code_reading import grammars
from posts.code_reading.balance import is_balanced
from posts.code_reading.languages import MARKUP, Language
from posts.code_reading.omissions import completed
from posts.code_reading.results import Fault

# Longer code is tried in fewer ways, because each try takes time.
MANY_TRIES = 8_000
_HEADER = re.compile(
    r"[ \t]*(?:class|module|def|if|unless|case|while|begin|defmodule|function)\b|.*\bdo\b(?:[ \t]*\|[^|]*\|)?[ \t]*$"
)
_AT_RULE = re.compile(r"@[\w-]{1,40}(?:[^;{}\"'\n]|\"[^\"\n]*\"|'[^'\n]*'){0,300};")
_AT_BLOCK = re.compile(r"@[\w-]{1,40}(?:[^;{}\"'\n]|\"[^\"\n]*\"|'[^'\n]*'){0,300}\{")
_HIDDEN = re.compile(r"^([ \t]*)# ?(?=[^!\[\n])|^([ \t]*)#$", re.MULTILINE)


def read_code(language: Language, code: str) -> tuple[str, Fault | None]:
    """Return ("parsed" or "fragment", None), or ("", Fault).

    Raises NotReadable if no grammar of the language is installed.
    """
    code = textwrap.dedent(code)
    if _is_sound(language, code):
        return "parsed", None
    if not is_balanced(language.name, code):
        if any(_is_sound(language, attempt) for attempt in _cut_and_wrapped(language, code)):
            return "fragment", None
        return "", _likeliest_fault(language, code)
    if any(_is_sound(language, attempt) for attempt in _attempts(language, code)):
        return "fragment", None
    for parts in (_parts(code), _lines(code)):
        if len(parts) > 1 and all(_is_part(language, part) for part in parts):
            return "fragment", None
    return "", _likeliest_fault(language, code)


def _is_sound(language: Language, code: str) -> bool:
    return any(grammars.is_sound(grammar, code) for grammar in language.grammars)


def _attempts(language: Language, code: str) -> Iterator[str]:
    """Yield the ways in which code may be part of something, the likeliest first."""
    wraps = language.wraps if len(code) <= MANY_TRIES else language.wraps[:3]
    hidden = _hidden_lines(language, code)
    base = hidden[0] if hidden else code
    versions = [code, *hidden, *_cut(language, base), *_without_rules(language, code)]
    for version in versions:
        if version != code:
            yield version
        yield from _wrapped(wraps, version)
    for filled in completed(base):
        yield filled
        yield from _wrapped(wraps, filled)


def _wrapped(wraps: tuple[tuple[str, str], ...], code: str) -> Iterator[str]:
    """Yield code in what it may be a part of. Between tags any words are sound, so only tags go there."""
    for before, after in wraps:
        if before != MARKUP or code.lstrip().startswith("<"):
            yield before + code + after


def _cut_and_wrapped(language: Language, code: str) -> Iterator[str]:
    """Yield code with the ends that its author cut off."""
    for filled in dict.fromkeys([code, *completed(code)]):
        for cut in _cut(language, filled):
            yield cut
            yield from _wrapped(language.wraps, cut)


def _cut(language: Language, code: str) -> list[str]:
    """Return code with the ends that an author cut off: below a last line that opens something, above a first one."""
    lines = [line for line in code.split("\n") if line.strip()]
    if not lines:
        return []
    last = re.sub(r"\s*(?://|#|/\*).*$", "", lines[-1]).rstrip()
    ends = []
    if last.endswith("{"):
        ends += [code + "\n}" * count for count in (1, 2, 3)]
    if language.name in ("Ruby", "Elixir", "Lua") and _HEADER.match(lines[-1]):
        ends += [code + "\nend" * count for count in (1, 2, 3)]
    if lines[0][:1] in " \t" and lines[-1].startswith("}"):
        ends.append("{" + code)
    return ends


def _without_rules(language: Language, code: str) -> list[str]:
    """Return [CSS without the rules with @ that its grammar is too old for], or []."""
    if language.name != "CSS" or "@" not in code:
        return []
    without = _AT_RULE.sub(" ", code)
    return [without, _AT_BLOCK.sub("@media all {", without)]


def _hidden_lines(language: Language, code: str) -> list[str]:
    """Return [code with the lines that rustdoc hides from readers], or []."""
    return [_HIDDEN.sub(r"\1\2", code)] if language.name == "Rust" and _HIDDEN.search(code) else []


def _is_part(language: Language, code: str) -> bool:
    return _is_sound(language, code) or any(_is_sound(language, attempt) for attempt in _attempts(language, code))


def _parts(code: str) -> list[str]:
    """Return the parts of code that begin at its margin after a blank line, dots or a comment."""
    parts = re.split(r"\n(?:[ \t]*\n)+(?=\S)|^(?:\.{3}|…|//[^\n]*|#[^\n]*|--[^\n]*)[ \t]*$", code, flags=re.MULTILINE)
    return [part for part in parts if part.strip()][:40]


def _lines(code: str) -> list[str]:
    """Return the lines of code if all begin at its margin: a list of signatures or of ways to write one thing."""
    lines = [line.rstrip() for line in code.split("\n") if line.strip()]
    # Where most lines end in a semicolon, one without it is a fault.
    ends = {line.endswith(";") for line in lines}
    is_list = len(lines) <= 20 and len(ends) == 1 and not any(line[0] in " \t)]}" for line in lines)
    return lines if is_list else []


def _likeliest_fault(language: Language, code: str) -> Fault:
    """Return the fault that comes last in the text among the ways to read it: that way fits most of it."""
    best: Fault | None = None
    for before, after in [("", ""), *language.wraps[:4]]:
        fault = grammars.fault_in(language.grammars[0], before + code + after)
        if fault is None:
            continue
        line = fault.line - before.count("\n")
        if line < 1 or line > code.count("\n") + 1:
            continue
        if best is None or (line, fault.column) > (best.line, best.column):
            best = Fault(fault.message, line, fault.column)
    return best or Fault("the code does not parse", 1, 1)
