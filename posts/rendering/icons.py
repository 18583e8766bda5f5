"""The icons of the pages as SVG, without style attributes, which the Content-Security-Policy forbids."""

from functools import cache, lru_cache
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

# What templates draw; the meta box draws its own icons.
__all__ = ["ratio_line", "share_bar", "status_icon"]

# A square is a machine, a disc a person, the line between them the review; dashed is open.
_STATUS_ICON = (
    '<svg class="status-icon status-icon--{}" viewBox="0 0 33 14" width="33" height="14" aria-hidden="true" '
    'focusable="false">'
    '<path class="status-icon__square" d="{}"/><path class="status-icon__line" d="M10 7h9.5"/>'
    '<circle class="status-icon__disc" cx="25.5" cy="7" r="6"/>'
    '<path class="status-icon__tick" d="M22.8 7.2l2 2 3.4-4"/></svg>'
)
LEVELS = {"beginner": 1, "intermediate": 2, "advanced": 3}


_SQUARE, _WRITER = "M0 2h10v10H0z", "M0 7a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"


@cache
def status_icon(state: str, *, by_people: bool = False) -> SafeString:
    """Return the icon of a review status ("approved", "flagged", "open") or of the site ("mark").

    by_people: people wrote the text, so the icon begins with a disc. The page has words beside it.
    """
    return format_html(_STATUS_ICON, state, _WRITER if by_people else _SQUARE)


def score_bar(value: Any) -> str:
    """Return ten squares, filled to `value` of 100, as one path. The page has the number beside it."""
    try:
        filled = max(0.0, min(100.0, float(value)))
    except ValueError:
        return ""
    return _score_bar(round(filled, 1))


@lru_cache(maxsize=1001)
def _score_bar(filled: float) -> SafeString:
    squares = "".join(f"M{i * 20} 0h18v6h-18z" for i in range(10))
    full = "".join(
        f"M{i * 20} 0h{min(18, (filled / 10 - i) * 18):.1f}v6H{i * 20}z" for i in range(10) if filled / 10 > i
    )
    return format_html(
        '<svg class="score-bar" viewBox="0 0 198 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<path class="score-bar__rest" d="{}"/><path class="score-bar__full" d="{}"/></svg>',
        squares,
        full,
    )


def level_squares(difficulty: object) -> str:
    """Return the level as filled squares for the three known levels; "" for other words."""
    level = LEVELS.get(str(difficulty).strip().lower())
    return _level_squares(level) if level else ""


@cache
def _level_squares(level: int) -> SafeString:
    full = "".join(f"M{1 + i * 11} 1h8v8h-8z" for i in range(level))
    rest = "".join(f"M{1 + i * 11} 1h8v8h-8z" for i in range(level, 3))
    return format_html(
        '<svg class="level" viewBox="0 0 33 10" width="33" height="10" aria-hidden="true" focusable="false">'
        '<path class="level__full" d="{}"/><path class="level__rest" d="{}"/></svg>',
        full,
        rest,
    )


@lru_cache(maxsize=128)
def share_bar(percent: float) -> SafeString:
    """Return a thin bar, filled to `percent` (0–100)."""
    return format_html(
        '<svg class="share-bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<path d="M0 0h{}v3H0z"/></svg>',
        int(percent),
    )


def ratio_line(percent: float) -> SafeString:
    """Return the line of the home page: solid to `percent` (0–100), a disc, then dashed."""
    # A disc at the very edge would be cut off.
    at = min(99.3, max(0.7, float(percent)))
    return format_html(
        '<svg class="ratio__line" width="100%" height="16" aria-hidden="true" focusable="false">'
        '<line class="ratio__waiting" x1="{0}%" x2="100%" y1="8" y2="8"/>'
        '<line class="ratio__approved" x1="0" x2="{0}%" y1="8" y2="8"/>'
        '<circle class="ratio__disc" cx="{0}%" cy="8" r="8"/></svg>',
        f"{at:.2f}",
    )
