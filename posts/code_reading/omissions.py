"""What authors leave out of code on purpose: lines of dots, `<placeholders>`, templates, callouts.

Each function returns code with as many lines as before, so that a fault keeps its line.
"""

import re
from collections.abc import Iterator

# No pattern here may match the same white space in two ways: on long runs that takes minutes.
_DOTS_LINE = re.compile(
    r"^[ \t]*(?:#|//|--|/\*|<!--|\{/\*|;|%)?[ \t]*[\[({<]?(?:\.{3,}|\.(?: \.){2,}|…|⋮|\[\.{3}\])[\])}>]?"
    r"[^\n\"'`;{}()=]{0,60}(?:\*/\}?|-->)?[ \t]*[,;]?[ \t]*$",
    re.MULTILINE,
)
_DOTS = re.compile(r"(?<![\w.])\.{3,}(?![\w.$\[{(\"'&*:])|(?<=\w)\.{3}(?=[ \t]*[,)\]}\"'>])|…|⋮")
_PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9 _./:|-]{0,60}>|<\.\.\.>")
_QUOTED_OR_PLACEHOLDER = re.compile(rf"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|{_PLACEHOLDER.pattern}")
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}|\{#[^{}]*#\}|<%[^%]*%>|<#[^#]*#>|\[\[[^\[\]\n]*\]\]")
_TEMPLATE_LINE = re.compile(r"^[ \t-]*(?:\{\{[^{}]*\}\}|\{%[^{}]*%\}|<%[^%]*%>)[ \t]*$", re.MULTILINE)
_CALLOUT = re.compile(r"[ \t]*(?:#|//|--|;)?[ \t]*(?:<\d{1,2}>|\(\d{1,2}\)!?)[ \t]*$", re.MULTILINE)
# A name of a file above its text.
_FILE_NAME = re.compile(
    r"\A\s*(?:#|//|/\*|--|<!--)?[ \t]*[\w@~./\\-]{0,120}[\w-]\.\w{1,10}[ \t]*:?[ \t]*(?:\*/|-->)?[ \t]*(?=\n)"
)
# A comment in the place of a value.
_TOLD = re.compile(r"([=:(,>][ \t]*)/\*{1,2}[^*]{0,200}\*/(?=[ \t]*[;,)\]}])")
_TOLD_AT_END = re.compile(r"([=:>][ \t]*)(?:/\*{1,2}[^*]{0,200}\*/|(?<== )//[^\n]{0,200})[ \t]*$", re.MULTILINE)
# A line that documentation shows as taken out.
_TAKEN_OUT = re.compile(r"^[^\n]*\[(?:tl! remove[^\]\n]{0,20}|!code --(?::\d+)?)\][^\n]*$", re.MULTILINE)
_EMPTY_BODY = re.compile(r"\{[ \t]*\.\.[ \t]*\}")
_STARS = re.compile(r"\*{4,}")
_BRACED = re.compile(r"(?<![$\w\"'`])\{[A-Za-z][A-Za-z0-9_ -]{0,40}\}")


def without_dots_lines(code: str) -> str:
    """Return code without lines that only say that something is left out."""
    return _DOTS_LINE.sub("", code)


def without_templates(code: str, word: str = "x") -> str:
    """Return code with a word for each template."""
    return _TEMPLATE.sub(lambda found: word + "\n" * found[0].count("\n"), _TEMPLATE_LINE.sub("", code))


def has_template(code: str) -> bool:
    """Return whether code has templates."""
    return bool(_TEMPLATE.search(code))


def without_placeholders(code: str, word: str = "x") -> str:
    """Return code with a word for each `<placeholder>`."""

    def filled(found: re.Match[str]) -> str:
        # In a text the word needs no marks of its own.
        return word if found[0].startswith("<") else _PLACEHOLDER.sub("x", found[0])

    return _QUOTED_OR_PLACEHOLDER.sub(filled, code)


def completed(code: str) -> Iterator[str]:
    """Yield code with what stands for something left out in several ways, the likeliest first; never `code` itself."""
    given = {code}
    bare = without_dots_lines(code)
    filled = without_templates(bare)
    plain = _CALLOUT.sub("", _PLACEHOLDER.sub("x", filled))
    for attempt in (
        bare,
        _DOTS.sub("", bare),
        _DOTS.sub("x", bare),
        _DOTS.sub("x;", bare),
        _CALLOUT.sub("", bare),
        _FILE_NAME.sub("", bare),
        _TOLD_AT_END.sub(r"\1x;", _TOLD.sub(r"\1x", bare)),
        _EMPTY_BODY.sub("{}", bare),
        _TAKEN_OUT.sub("", bare),
        filled,
        plain,
        _STARS.sub("x", plain),
        _DOTS.sub("", plain),
        _DOTS.sub("x", plain),
        _BRACED.sub("x", plain),
        _as_changed(bare),
    ):
        if attempt not in given:
            given.add(attempt)
            yield attempt


def _as_changed(code: str) -> str:
    """Return code with marks of a diff as it is after the change."""
    lines = code.split("\n")
    if not any(line.startswith(("+", "-")) for line in lines):
        return code
    return "\n".join("" if line.startswith("-") else " " + line[1:] if line.startswith("+") else line for line in lines)
