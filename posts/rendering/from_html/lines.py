"""Sets inline pieces as one line of Markdown that reads back as the same words."""

import re
from typing import Any

from markdown_it import MarkdownIt

# Longer lines are not checked for correct emphasis.
MAX_PROVED = 100_000
SPACE = re.compile(r"[ \t\n\r\f]+")
_SHORTCODE = re.compile(r"\[/?[A-Za-z][^\[\]<>`\\*]*\](?![(\[:])")
_SPECIAL = re.compile(
    r"[\\`*\[\]<]|~(?=~)|(?<=~)~|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)"
    # Lowered, struck, raised and marked characters, names of emoji, comments of Obsidian.
    r"|~(?=[^\s/\d.])|(?<=[\w)])~(?=\S)|(?<=[\w)])\^(?=[^\s^])|(?<![\w=!<>])=(?==[^\s=])"
    r"|(?<![\w:]):(?=[a-z0-9_+-]{1,40}:)|%(?=%[^\s%])"
)
_LINE_START = re.compile(r"(?:#{1,6}|[-+>]|\d{1,9}(?=[.)](?:\s|$)))(?=[\s.)>]|$)|>|[-=|:](?=[-=|: \t]*$)")
_ANYTHING = "\ufffc"
_WORDS = frozenset(("text", "code", "break"))
_PLAIN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# ("text", words), ("code", Markdown, words), ("raw", Markdown), ("link", Markdown), ("open" or "close", mark),
# ("break", why), ("image", number) or ("paragraph",). While a line is put together its texts are ("text", [words, …]).
Piece = tuple[Any, ...]


def longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(rf"{re.escape(character)}+", text)), default=0)


def code_span(text: str) -> list[Piece]:
    code = SPACE.sub(" ", text)
    inner = code.strip()
    if not inner:
        return [("text", code)]
    fence = "`" * (1 + longest_run(code, "`"))
    padded = f" {inner} " if "`" in (inner[0], inner[-1]) else inner
    lead = [("text", " ")] if code[0] == " " else []
    trail = [("text", " ")] if code[-1] == " " else []
    return [*lead, ("code", f"{fence}{padded}{fence}", inner), *trail]


def shifted_to(pieces: list[Piece], table: dict[int, int]) -> list[Piece]:
    """Return raised or lowered pieces as Unicode characters if all exist; otherwise unchanged."""
    shifted = []
    for piece in pieces:
        if piece[0] != "text" or not all(ord(character) in table for character in piece[1].strip()):
            return pieces
        shifted.append(("text", piece[1].translate(table)))
    return shifted


def marked(pieces: list[Piece], opening: Piece, closing: Piece) -> list[Piece]:
    """Return `pieces` between two marks, with spaces, breaks and images moved outside; no marks if empty."""
    start, end = 0, len(pieces)
    while start < end and not _shows(pieces[start]):
        start += 1
    while end > start and not _shows(pieces[end - 1]):
        end -= 1
    if start == end:
        return pieces
    inner = [("break", "br") if piece[0] == "paragraph" else piece for piece in pieces[start:end]]
    images = [piece for piece in inner if piece[0] == "image"]
    inner = [piece for piece in inner if piece[0] != "image"]
    lead, trail = [*pieces[:start]], [*images, *pieces[end:]]
    if inner[0][0] == "text" and inner[0][1][0] == " ":
        lead.append(("text", " "))
        inner[0] = ("text", inner[0][1][1:])
    if inner[-1][0] == "text" and inner[-1][1][-1] == " ":
        trail.insert(0, ("text", " "))
        inner[-1] = ("text", inner[-1][1][:-1])
    return [*lead, opening, *inner, closing, *trail]


def _shows(piece: Piece) -> bool:
    return piece[0] not in ("break", "paragraph", "image") and (piece[0] != "text" or bool(piece[1].strip(" ")))


def split_paragraphs(pieces: list[Piece]) -> list[list[Piece]]:
    """Return the pieces of each paragraph; they end at blank lines and at two line breaks in a row."""
    paragraphs: list[list[Piece]] = [[]]
    breaks, is_marked, is_linked = 0, 0, False
    for piece in pieces:
        kind = piece[0]
        if kind == "paragraph":
            paragraphs.append([])
            breaks = 0
            continue
        if kind == "break":
            # A line end right after a <br> is the same break.
            breaks += 0 if breaks and piece[1] == "line" else 1
            if breaks == 2 and not is_marked and not is_linked:
                paragraphs.append([])
                continue
        elif kind != "text" or piece[1].strip(" "):
            breaks = 0
        is_marked += {"open": 1, "close": -1}.get(kind, 0)
        is_linked ^= kind == "link"
        paragraphs[-1].append(piece)
    return [paragraph for paragraph in paragraphs if paragraph]


def begins_with_image(pieces: list[Piece]) -> bool:
    """Return whether the first image is before the first word."""
    for piece in pieces:
        if piece[0] == "image":
            return True
        if _shows(piece) and piece[0] not in ("open", "link"):
            return False
    return False


def destination(address: str) -> str:
    for character in "<>\\":
        address = address.replace(character, f"%{ord(character):02X}")
    address = re.sub(r"&(?=#?\w+;)", "&amp;", address)
    return f"<{address}>" if "(" in address or ")" in address else address


def set_line(pieces: list[Piece]) -> str:
    """Return the Markdown of inline pieces, without images.

    If Markdown would not read the line back as meant, emphasis is dropped, then links.
    """
    pieces = _merged(pieces)
    line = _line_of(pieces)
    for left_out in (("open", "close"), ("open", "close", "link")):
        if not any(piece[0] in left_out for piece in pieces) or len(line) > MAX_PROVED or _reads_back(line, pieces):
            return line
        pieces = _merged([piece for piece in pieces if piece[0] not in left_out])
        line = _line_of(pieces)
    return line


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Return pieces with adjacent texts joined, single spaces, and no spaces or breaks at the ends."""
    merged: list[Piece] = []
    for piece in pieces:
        if piece[0] not in ("image", "paragraph") and piece != ("text", ""):
            _append(merged, piece)
    _strip_end(merged)
    while merged and merged[-1][0] == "break":
        merged.pop()
        _strip_end(merged)
    return [("text", "".join(piece[1])) if piece[0] == "text" else piece for piece in merged]


def _append(merged: list[Piece], piece: Piece) -> None:
    """Add a piece to those of a line; its texts are lists of words until the line is complete."""
    kind, last = piece[0], merged[-1] if merged else ("", "")
    if kind == "text":
        words = piece[1][1:] if piece[1][0] == " " and _ends_with_space(merged) else piece[1]
        if last[0] == "text":
            last[1].append(words)
        elif words:
            merged.append(("text", [words]))
    elif kind == "break":
        _strip_end(merged)
        if merged and merged[-1][0] != "break":
            merged.append(piece)
    elif kind == "open" and last == ("close", piece[1]):
        # Two adjacent ones of one kind are joined.
        merged.pop()
    elif kind == "code" and last[0] == "code":
        merged += code_span(merged.pop()[2] + piece[2])
    else:
        merged.append(piece)


def _ends_with_space(merged: list[Piece]) -> bool:
    for piece in reversed(merged):
        if piece[0] == "text":
            return str(piece[1][-1]).endswith(" ")
        if piece[0] not in ("open", "close", "link"):
            return bool(piece[0] == "break")
    return True


def _strip_end(merged: list[Piece]) -> None:
    """Remove the space at the end of a line, also before closing marks there."""
    for index in range(len(merged) - 1, -1, -1):
        kind = merged[index][0]
        if kind == "text":
            words = "".join(merged[index][1]).rstrip(" ")
            if words:
                merged[index] = ("text", [words])
            else:
                del merged[index]
            return
        if kind not in ("open", "close", "link"):
            return


def _line_of(pieces: list[Piece]) -> str:
    parts, at_start, before = [], True, ("start",)
    for piece, following in zip(pieces, [*pieces[1:], ("end",)][: len(pieces)], strict=True):
        if piece[0] == "text":
            words = _escaped(piece[1], at_start)
            if words.endswith("!") and following == ("link", "["):
                words = f"{words[:-1]}\\!"
            # Next to a mark of the same character it would become part of the mark.
            if words.startswith("~") and before[-1] == "~~":
                words = f"\\{words}"
            if words.endswith("~") and not words.endswith("\\~") and following[-1] == "~~":
                words = f"{words[:-1]}\\~"
            parts.append(words)
        else:
            parts.append("\\\n" if piece[0] == "break" else piece[1])
        at_start, before = piece[0] == "break", piece
    return "".join(parts)


def _escaped(words: str, at_start: bool) -> str:
    """Return text that Markdown reads as exactly these words.

    Brackets of shortcodes need no escape: nothing follows them that would make a link.
    """
    parts, place = [], 0
    for match in _SHORTCODE.finditer(words):
        parts += [_without_meaning(words[place : match.start()]), f"[{_without_meaning(match[0][1:-1])}]"]
        place = match.end()
    text = "".join([*parts, _without_meaning(words[place:])])
    if at_start and (start := _LINE_START.match(text)):
        # A digit can't be escaped; the character after it can.
        place = start.end() if start[0].isdigit() else 0
        text = f"{text[:place]}\\{text[place:]}"
    return text


def _without_meaning(words: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", words)


def _reads_back(line: str, pieces: list[Piece]) -> bool:
    """Return whether Markdown reads `line` as the words of `pieces`, with no mark left over."""
    if any(piece[0] == "raw" for piece in pieces):
        # What is Markdown already is read as anything else is: only its place counts.
        pieces = [("text", _ANYTHING) if piece[0] == "raw" else piece for piece in pieces]
        line = _line_of(pieces)
    meant = "".join(piece[-1] if piece[0] in ("text", "code") else " " for piece in pieces if piece[0] in _WORDS)
    read = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for token in _PLAIN.parseInline(line)
        for child in token.children or ()
    )
    return "".join(read.split()) == "".join(meant.split())
