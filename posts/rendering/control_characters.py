"""Characters that nobody sees: what browsers call an error, and what a terminal takes for a command.

A record keeps them, since its fingerprint is that of its bytes; they are dealt with where a text goes out.
"""

import re

# What no document of HTML should hold ("control-character-in-input-stream", "noncharacter-in-input-stream" in the HTML
# Standard, 13.2.2), and the form feed, which it may hold.
_NOT_HTML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_SPACES = "\x0b\x0c\x85"
# With them what turns the direction of the words around it, what ends a line, and halves of surrogate pairs, which a
# file's name may hold.
_NOT_TERMINAL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def html_text(html):
    """A page of HTML without the characters that none should hold; what parts words becomes a space."""
    return _NOT_HTML.sub(lambda sign: " " if sign[0] in _SPACES else "", html)


def terminal_text(text):
    """`text` with everything that a terminal could obey written out: \\x1b, \\u202e. Line ends and tabs stay."""
    return _NOT_TERMINAL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def one_line(text):
    """The same as one line: a name of somebody else's choice begins no line of ours."""
    return terminal_text(text).replace("\n", "\\n")
