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


# All bytes but those of the characters from U+0000 to U+007F that HTML forbids.
_NO_CONTROL = bytes({*range(256)} - {*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F})
_FEW = 100


def html_text(html: str) -> str:
    """Return a page of HTML without the characters that HTML forbids; separators become spaces."""
    if _is_clean(html):
        return html
    return _NOT_HTML.sub(lambda sign: " " if sign[0] in _SPACES else "", html)


def _is_clean(html: str) -> bool:
    """Return whether HTML allows all characters of a page; False if it has to be searched.

    Comparing bytes takes half the time of looking at each character.
    """
    raw = html.encode(errors="surrogatepass")
    if raw.translate(None, _NO_CONTROL):
        return False
    # Forbidden characters from U+FDD0 on begin with 0xEF. Those of 0xC2 are U+0080 to U+00BF, forbidden below U+00A0.
    return html.isascii() or (
        b"\xef" not in raw
        and raw.count(b"\xc2") < _FEW
        and not any(part[:1] < b"\xa0" for part in raw.split(b"\xc2")[1:])
    )


def terminal_text(text: str) -> str:
    """Return `text` with every character that a terminal could obey as its escape sequence.

    Line ends and tabs stay.
    """
    return _NOT_TERMINAL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return `text` escaped for a terminal and on one line, so that a foreign name can't start a line of ours."""
    return terminal_text(text).replace("\n", "\\n")
