"""Repairs what programs write into XML although XML forbids it, in pieces and with flat memory, before parsing.

WordPress makes exports by joining texts. Pasted text brings control characters; plugins write HTML names (`&nbsp;`),
bare `&` and numbers of characters that do not exist. WordPress's own importer accepts such files. XML's rules:
https://www.w3.org/TR/xml/#charsets and #sec-predefined-ent.
"""

import re
from collections import deque
from collections.abc import Callable
from html.entities import html5

# Held back until more arrives: the longest character, name or number to recognise.
MARGIN = 64
# At most so many are counted between two items.
MAX_COUNTED = 100_000
# At most so much is skipped before the declaration.
MAX_BEFORE = 16 * 1024
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])
# Control characters, and in UTF-8 the halves of surrogate pairs, U+FFFE and U+FFFF.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xed[\xa0-\xbf][\x80-\xbf]|\xef\xbf[\xbe\xbf]")
_SUSPECT = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos);)(#[xX][0-9a-fA-F]{1,8};|#[0-9]{1,9};|[A-Za-z][A-Za-z0-9]{0,31};)?|\]\]>"
)
_OPENING = re.compile(rb"<!\[CDATA\[|<!--")
_CLOSING = {b"<![CDATA[": b"]]>", b"<!--": b"-->"}


class XmlRepairs:
    """Takes the bytes of a file in pieces and returns those that a parser accepts.

    removed and replaced: positions, in the returned bytes, of removed and rewritten characters; the caller removes
    them. lines: how many lines were removed at the beginning.
    """

    def __init__(self) -> None:
        self.removed: deque[int] = deque(maxlen=MAX_COUNTED)
        self.replaced: deque[int] = deque(maxlen=MAX_COUNTED)
        self.lines = 0
        self._rest, self._given, self._inside = b"", 0, b""
        self._is_utf_8 = False
        self._passes: bool | None = None  # None: the beginning has not been seen

    def feed(self, piece: bytes, *, is_last: bool = False) -> bytes:
        """Return the bytes to give to the parser now."""
        data = self._rest + piece
        if self._passes is None:
            data = self._begin(data)
        if self._passes:
            self._given += len(data)
            return data
        parts: list[bytes] = []
        place = 0
        while place < len(data) or not parts:
            at, place_after = self._end_of_part(data, place, is_last)
            parts.append(self._repaired(data[place:at]))
            if at == place_after:
                place = at
                break
            # The match itself is at the start or end of the markup.
            sign = data[at:place_after]
            parts.append(self._noted(sign))
            self._inside = b"" if self._inside else sign
            place = place_after
        self._rest = data[place:]
        return b"".join(parts)

    def taken(self, until: int) -> tuple[int, int]:
        """Return (removed characters, replaced characters) before the byte `until`, each reported once."""
        return self._count(self.removed, until), self._count(self.replaced, until)

    def _count(self, places: deque[int], until: int) -> int:
        count = 0
        while places and places[0] < until:
            places.popleft()
            count += 1
        return count

    def _begin(self, data: bytes) -> bytes:
        """Inspect the first bytes: their encoding, and forbidden text before the XML declaration.

        Such text is blank lines of a theme, or a warning from PHP.
        """
        self._passes = data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]
        declared = re.search(rb"""^[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,40})""", data[:300])
        self._is_utf_8 = declared is None or declared[1].lower() in (b"utf-8", b"utf8")
        start = data.find(b"<?xml ", 0, MAX_BEFORE)
        if start > 0 and b"<rss" not in data[:start] and not self._passes:
            self.lines = data.count(b"\n", 0, start)
            return data[start:]
        return data

    def _end_of_part(self, data: bytes, place: int, is_last: bool) -> tuple[int, int]:
        """Return (the end of the part at `place`, the end of the markup after it; the same if none)."""
        if self._inside:
            closing = _CLOSING[self._inside]
            at = data.find(closing, place)
            if at >= 0:
                return at, at + len(closing)
        elif match := _OPENING.search(data, place):
            return match.span()
        if is_last:
            return len(data), len(data)
        at = max(place, len(data) - MARGIN)
        # Don't split a name, number or character.
        if not self._inside:
            starts = data.rfind(b"&", max(place, at - MARGIN), at), data.find(b"]]>", max(place, at - 2), at + 2)
            at = min((start for start in starts if start >= 0), default=at)
        while at > max(place, len(data) - 2 * MARGIN) and 0x80 <= data[at] < 0xC0:
            at -= 1
        return at, at

    def _repaired(self, data: bytes) -> bytes:
        if len(data.translate(None, _CONTROLS)) < len(data) or (
            self._is_utf_8 and (b"\xed" in data or b"\xef\xbf" in data)
        ):
            data = self._sub(_FORBIDDEN, self._without, data)
        if not self._inside and (b"&" in data or b"]]>" in data):
            data = self._sub(_SUSPECT, self._allowed, data)
        return self._noted(data)

    def _noted(self, data: bytes) -> bytes:
        self._given += len(data)
        return data

    def _sub(
        self, pattern: re.Pattern[bytes], replacement: Callable[[re.Match[bytes], int], bytes], data: bytes
    ) -> bytes:
        """Apply pattern.sub(), and tell `replacement` the position of each match in the returned bytes."""
        parts, place, given = [], 0, self._given
        for match in pattern.finditer(data):
            parts.append(data[place : match.start()])
            given += match.start() - place
            parts.append(new := replacement(match, given))
            given += len(new)
            place = match.end()
        return b"".join([*parts, data[place:]])

    def _without(self, match: re.Match[bytes], at: int) -> bytes:
        if not self._is_utf_8 and len(match[0]) > 1:
            return match[0]
        self.removed.append(at)
        return b""

    def _allowed(self, match: re.Match[bytes], at: int) -> bytes:
        """Return the replacement for invalid markup."""
        told = match[1] or b""
        if told.startswith(b"#"):
            number = int(told[2:-1], 16) if told[1:2] in b"xX" else int(told[1:-1])
            if (
                number in (9, 10, 13)
                or 32 <= number < 0xD800
                or 0xE000 <= number < 0xFFFE
                or 0xFFFF < number < 0x110000
            ):
                # XML doesn't allow a capital X.
                return match[0].replace(b"X", b"x", 1)
            self.removed.append(at)
            return b""
        self.replaced.append(at)
        if match[0] == b"]]>":
            return b"]]&gt;"
        if characters := html5.get(told.decode()) if told else "":
            return "".join(f"&#{ord(character)};" for character in characters).encode()
        return b"&amp;" + told
