"""Are brackets and quotation marks in pairs? Counted outside of strings and comments, without a grammar.

A fragment of code may lack what stands around it. It never lacks half of a pair, so code without balance is not tried
as a fragment.
"""

import re
from functools import cache

_HASH = frozenset(["Ruby", "Elixir", "PHP", "HCL", "PowerShell"])
_SLASHES = frozenset(
    [
        "JavaScript",
        "TypeScript",
        "TSX",
        "Go",
        "Rust",
        "Java",
        "C",
        "C++",
        "C#",
        "PHP",
        "HCL",
        "Kotlin",
        "Swift",
        "Scala",
        "Dart",
    ]
)
_SEVERAL_LINES = frozenset(["PHP", "Ruby", "Rust", "Elixir", "C#"])
_MARKUP = frozenset(["JavaScript", "TypeScript", "TSX"])
# Languages of which this module knows strings and comments.
KNOWN = _HASH | _SLASHES | {"CSS"}
_PAIRS = {")": "(", "]": "[", "}": "{"}
_FREE_TEXT = re.compile(
    r"<<[~-]?['\"]?[A-Z_]{2,}|<<<|%[wiqQrWI]?[\[({<|!]|(?<=[=(,:])\s*/[^/\n*]|R\"|r#+\"|\?['\"]|__END__|<\?|&\w+;"
)


@cache
def _tokens(language: str) -> re.Pattern[str]:
    ends = r"\\" if language in _SEVERAL_LINES else r"\\\n"
    parts = [r"/\*.*?(?:\*/|\Z)"] if language in _SLASHES or language == "CSS" else []
    parts += [r"//[^\n]*"] if language in _SLASHES else []
    parts += [r"(?<![\w$&])#(?!\{|\[)[^\n]*"] if language in _HASH else []
    parts += [r'"""(?:.*?)"""', r'@"(?:[^"]|"")*"', rf'"(?:[^"{ends}]|\\.)*"', r"`(?:[^`\\]|\\.)*`"]
    parts.append(r"'(?:[^'\\\n]|\\[^\n]{1,8})'" if language == "Rust" else rf"'(?:[^'{ends}]|\\.)*'")
    return re.compile("|".join([*parts, r"[()\[\]{}\"]", "'"]), re.DOTALL)


def is_balanced(language: str, code: str) -> bool:
    """Return whether brackets and quotation marks are in pairs; True if that can't be said."""
    if language not in KNOWN or _FREE_TEXT.search(code):
        return True
    has_markup = language in _MARKUP and re.search(r"</?[A-Za-z>]", code)
    opened: list[str] = []
    for found in _tokens(language).finditer(code):
        mark = found[0]
        if mark in "([{":
            opened.append(mark)
        elif mark in _PAIRS:
            if not opened or opened.pop() != _PAIRS[mark]:
                return False
        elif mark in ("'", '"') and not has_markup and (mark == '"' or language != "Rust"):
            return False
    return not opened


def has_open_string(language: str, code: str) -> bool:
    """Return whether a quotation mark has no partner on its line, outside of comments."""
    return any(found[0] in ("'", '"') for found in _tokens(language).finditer(code))
