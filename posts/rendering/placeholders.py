"""The placeholder image, drawn from the SHA-256 of a caption, so that a missing image still looks intended."""

import hashlib

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 1200, 630
UNIT = 50
TRACKS = 7
TINTS = 5
_TONES = ("bar", "bar", "pale", "pale", "paper")
_TRACK_HEIGHT = 80
_BAR_HEIGHT = 44
# The caption hides the lowest rows, so the one bar in ink is above them.
_INK_TRACKS = 4


def tint_of(caption: str) -> int:
    """Return the tint (0–4) of a caption; the same caption always gets the same one."""
    return hashlib.sha256(caption.encode()).digest()[0] % TINTS


def placeholder_svg(caption: str, width: int = WIDTH, height: int = HEIGHT) -> SafeString:
    """Return an SVG of 1200 × 630 units: seven rows of bars on a grid of 50, one bar in ink, linked.

    width, height: the size of the picture that it stands for. Of a drawing in another shape only the middle shows.
    Only numbers from the digest reach the markup, never the caption. Colours are classes.
    """
    digest = hashlib.sha256(caption.encode()).digest()
    ink_track = digest[1] % _INK_TRACKS
    paths: dict[str, list[str]] = {"bar": [], "pale": [], "paper": [], "ink": []}
    links, above = [], None
    for track in range(TRACKS):
        top = 38 + track * _TRACK_HEIGHT
        bars = _bars(digest[2 + track * 4 : 6 + track * 4])
        for place, (start, length, tone) in enumerate(bars):
            tone = "ink" if (track, place) == (ink_track, 0) else tone
            paths[tone].append(f"M{start} {top}h{length}v{_BAR_HEIGHT}h-{length}z")
        first, length, _ = bars[0]
        if above:
            shared_from, shared_to = max(first, above[0]), min(first + length, above[0] + above[1])
            if shared_from < shared_to:
                links.append(f"M{shared_from + 2} {top + _BAR_HEIGHT - _TRACK_HEIGHT}v{_TRACK_HEIGHT - _BAR_HEIGHT}")
        above = first, length
    rules = "".join(f"M0 {60 + track * _TRACK_HEIGHT}h{WIDTH}" for track in range(TRACKS))
    return format_html(
        '<svg class="placeholder" width="{}" height="{}" viewBox="{}" aria-hidden="true" focusable="false">'
        '<path class="placeholder__rule" d="{}"/><path class="placeholder__bar" d="{}"/>'
        '<path class="placeholder__bar placeholder__bar--pale" d="{}"/><path class="placeholder__paper" d="{}"/>'
        '<path class="placeholder__link" d="{}"/><path class="placeholder__ink" d="{}"/></svg>',
        width,
        height,
        _middle(width, height),
        rules,
        *("".join(paths[tone]) for tone in ("bar", "pale", "paper")),
        "".join(links),
        "".join(paths["ink"]),
    )


def _middle(width: int, height: int) -> str:
    """Return the viewBox with the shape of width × height in the middle of the drawing."""
    scale = min(WIDTH / width, HEIGHT / height)
    shown_width, shown_height = width * scale, height * scale
    left, top = (WIDTH - shown_width) / 2, (HEIGHT - shown_height) / 2
    return f"{left:.0f} {top:.0f} {shown_width:.0f} {shown_height:.0f}"


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
