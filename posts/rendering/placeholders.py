"""The placeholder image, drawn from the SHA-256 of a caption, so that a missing image still looks intended."""

import hashlib
from typing import NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString

from posts.rendering.png import indexed_png

WIDTH, HEIGHT = 1200, 630
UNIT = 50
TRACKS = 7
TINTS = 5
_TONES = ("bar", "bar", "pale", "pale", "paper")
_TRACK_HEIGHT = 80
_BAR_HEIGHT = 44
# The caption hides the lowest rows, so the one bar in ink is above them.
_INK_TRACKS = 4
# What is painted over what, and how wide the strokes are.
_PAINTED = ("rule", "bar", "pale", "paper", "link", "ink")
_RULE, _LINK = 2, 3
# The light colours of static/css/site.css.
PAPER, INK = "#f6f7f6", "#12171b"
TINTS_LIGHT = ("#dbe5e1", "#dbe2ed", "#e9e4d6", "#ebdfdf", "#e2dfec")
TRACES_LIGHT = ("#a9c2b9", "#a9bbd4", "#cbbd97", "#d0aeae", "#b9b2d3")


def tint_of(caption: str) -> int:
    """Return the tint (0–4) of a caption; the same caption always gets the same one."""
    return hashlib.sha256(caption.encode()).digest()[0] % TINTS


class _Bar(NamedTuple):
    """A rectangle of the drawing, on its grid. tone: one of _PAINTED."""

    tone: str
    left: int
    top: int
    width: int
    height: int = _BAR_HEIGHT


def _drawing(caption: str) -> list[_Bar]:
    """Return seven rows of bars on a grid of 50, one bar in ink, linked, in the order in which they are painted.

    Only numbers from the caption's digest are in it.
    """
    digest = hashlib.sha256(caption.encode()).digest()
    ink_track = digest[1] % _INK_TRACKS
    bars: list[_Bar] = []
    above = None
    for track in range(TRACKS):
        top = 38 + track * _TRACK_HEIGHT
        bars.append(_Bar("rule", 0, top + _BAR_HEIGHT // 2, WIDTH, _RULE))
        row = _bars(digest[2 + track * 4 : 6 + track * 4])
        for place, (start, length, tone) in enumerate(row):
            bars.append(_Bar("ink" if (track, place) == (ink_track, 0) else tone, start, top, length))
        first, length, _ = row[0]
        if above:
            shared_from, shared_to = max(first, above[0]), min(first + length, above[0] + above[1])
            if shared_from < shared_to:
                gap = _TRACK_HEIGHT - _BAR_HEIGHT
                bars.append(_Bar("link", shared_from + 2, top - gap, _LINK, gap))
        above = first, length
    return sorted(bars, key=lambda bar: _PAINTED.index(bar.tone))


def placeholder_svg(caption: str, width: int = WIDTH, height: int = HEIGHT) -> SafeString:
    """Return the placeholder image of a caption as SVG. Its colours are classes, and it never has the caption.

    width, height: the size of the picture that it stands for. Of a drawing in another shape only the middle shows.
    """
    paths = dict.fromkeys(_PAINTED, "")
    for tone, left, top, long, high in _drawing(caption):
        # Rules and links are strokes along their middle, so that they stay visible at any size.
        strokes = {"rule": f"M{left} {top}h{long}", "link": f"M{left} {top}v{high}"}
        paths[tone] += strokes.get(tone, f"M{left} {top}h{long}v{high}h-{long}z")
    return format_html(
        '<svg class="placeholder" width="{}" height="{}" viewBox="{}" aria-hidden="true" focusable="false">'
        '<path class="placeholder__rule" d="{}"/><path class="placeholder__bar" d="{}"/>'
        '<path class="placeholder__bar placeholder__bar--pale" d="{}"/><path class="placeholder__paper" d="{}"/>'
        '<path class="placeholder__link" d="{}"/><path class="placeholder__ink" d="{}"/></svg>',
        width,
        height,
        _middle(width, height),
        *(paths[tone] for tone in _PAINTED),
    )


def _middle(width: int, height: int) -> str:
    """Return the viewBox with the shape of width × height in the middle of the drawing."""
    scale = min(WIDTH / width, HEIGHT / height)
    shown_width, shown_height = width * scale, height * scale
    left, top = (WIDTH - shown_width) / 2, (HEIGHT - shown_height) / 2
    return f"{left:.0f} {top:.0f} {shown_width:.0f} {shown_height:.0f}"


def placeholder_png(caption: str) -> bytes:
    """Return the placeholder image of a caption as PNG, in light colours, for programs that show shared links.

    It has no text, so it needs no font. Drawing it takes a few milliseconds, and it has about two kilobytes.
    """
    tint = tint_of(caption)
    ground, trace = TINTS_LIGHT[tint], TRACES_LIGHT[tint]
    palette = [ground, _mixed(trace, ground, 0.7), trace, _mixed(trace, ground, 0.6), PAPER, INK, INK]
    rows = [bytearray(WIDTH) for _ in range(HEIGHT)]
    for tone, left, top, width, height in _drawing(caption):
        # The strokes of rules and links have these places as their middle.
        top, left = top - (height // 2 if tone == "rule" else 0), left - (width // 2 if tone == "link" else 0)
        paint = bytes([1 + _PAINTED.index(tone)]) * min(width, WIDTH - left)
        for row in rows[top : top + height]:
            row[left : left + len(paint)] = paint
    return indexed_png(rows, palette)


def _mixed(colour: str, ground: str, share: float) -> str:
    """Return #rrggbb of a colour that covers so much of its ground."""
    pairs = [(int(colour[place : place + 2], 16), int(ground[place : place + 2], 16)) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(over * share + under * (1 - share)):02x}" for over, under in pairs)


def _bars(four: bytes) -> list[tuple[int, int, str]]:
    """Return two or three bars of a row from four bytes: (start, length, tone), left to right."""
    start, length = four[0] % 9 * UNIT, (2 + four[1] % 6) * UNIT
    bars = [(start, length, _TONES[four[0] >> 5 & 3])]
    start += length + (four[2] % 4) * UNIT + 10
    length = (1 + (four[2] >> 4) % 6) * UNIT
    bars.append((start, length, _TONES[four[1] >> 4 & 3]))
    if four[3] & 1:
        start += length + (1 + (four[3] >> 1) % 6) * UNIT
        bars.append((start, (1 + (four[3] >> 4) % 6) * UNIT, _TONES[four[3] % len(_TONES)]))
    return bars
