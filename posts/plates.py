"""The drawing behind a picture: a trace from its caption's SHA-256, so that a missing picture still looks meant."""

import hashlib

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

UNIT = 50
TRACKS = 7
TINTS = 5


def tint_of(caption):
    """Which of the five tints (0–4) a caption gets; the same caption always the same."""
    return hashlib.sha256(caption.encode()).digest()[0] % TINTS


def plate_svg(caption):
    """An SVG of 1200 × 630: seven tracks of bars on a grid of 50 units, one in ink, links from bar to bar.

    Only numbers from the digest reach the markup, never the caption itself. Colours are classes.
    """
    digest = hashlib.sha256(caption.encode()).digest()
    light, dark, links = [], [], []
    ink_track = digest[1] % TRACKS
    ink = ""
    ends = []
    for track in range(TRACKS):
        top = 60 + track * 80
        first, second, third = digest[2 + track * 4 : 5 + track * 4]
        start = first % 8 * UNIT
        length = (2 + second % 6) * UNIT
        bar = f"M{start} {top}h{length}v40h-{length}z"
        gap = (1 + third % 4) * UNIT
        tail = (1 + third // 4 % 7) * UNIT
        other = f"M{start + length + gap} {top}h{tail}v40h-{tail}z"
        if track == ink_track:
            ink = bar
        else:
            dark.append(bar)
        light.append(other)
        if ends and third % 2:
            links.append(f"M{ends[-1]} {top - 40}v40")
        ends.append(start + UNIT)
    rules = "".join(f"M0 {80 + track * 80}h1200" for track in range(TRACKS))
    return format_html(
        '<svg class="plate" viewBox="0 0 1200 630" preserveAspectRatio="xMidYMid slice" aria-hidden="true" '
        'focusable="false"><path class="plate__rule" d="{}"/><path class="plate__bar" d="{}"/>'
        '<path class="plate__bar plate__bar--pale" d="{}"/><path class="plate__link" d="{}"/>'
        '<path class="plate__ink" d="{}"/></svg>',
        *(_numbers(path) for path in (rules, "".join(dark), "".join(light), "".join(links), ink)),
    )


def _numbers(path) -> SafeString:
    return mark_safe(path)  # noqa: S308 (path data made of our own numbers)
