"""PNG files of a few flat colours, without a library for pictures.

Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _INDEXED = 4, 3
# How a row is written: as it is, or as what differs from the row above.
_AS_IT_IS, _FROM_ABOVE = b"\x00", b"\x02"


def indexed_png(rows: Sequence[bytes | bytearray], palette: Sequence[str]) -> bytes:
    """Return the PNG file of rows of equal, even length.

    Each byte of a row is the place of a colour in `palette`, which has up to sixteen (#rrggbb).
    """
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), _BITS, _INDEXED, 0, 0, 0)
    colours = b"".join(bytes.fromhex(colour.removeprefix("#")) for colour in palette)
    pixels = zlib.compress(b"".join(_lines(rows)))
    parts = [(b"IHDR", header), (b"PLTE", colours), (b"IDAT", pixels), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _lines(rows: Iterable[bytes | bytearray]) -> Iterable[bytes]:
    above: bytes | bytearray = b""
    for row in rows:
        if row == above:
            yield _FROM_ABOVE + bytes(len(row) // 2)
        else:
            # Two pixels in a byte.
            yield _AS_IT_IS + bytes(left << 4 | right for left, right in zip(row[::2], row[1::2], strict=True))
        above = row


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
