"""Invisible characters: those that are errors in HTML, and those that a terminal would obey.

A record keeps them, because its fingerprint covers its bytes. They are removed or escaped on output.
"""

import re

# What HTML must not contain ("control-character-in-input-stream", "noncharacter-in-input-stream" in the HTML
# Standard, 13.2.2), and the form feed, which it may contain.
_NOT_HTML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_SPACES = "\x0b\x0c\x85"
# Also what changes text direction, what ends a line, and halves of surrogate pairs, which a file name may contain.
_NOT_TERMINAL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def html_text(html: str) -> str:
    """Return a page of HTML without the characters that HTML forbids; separators become spaces."""
    return _NOT_HTML.sub(lambda sign: " " if sign[0] in _SPACES else "", html)


def terminal_text(text: str) -> str:
    """Return `text` with every character that a terminal could obey as its escape sequence.

    Line ends and tabs stay.
    """
    return _NOT_TERMINAL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return `text` escaped for a terminal and on one line, so that a foreign name can't start a line of ours."""
    return terminal_text(text).replace("\n", "\\n")
