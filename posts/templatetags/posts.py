"""Formatting only; what is true of a post is decided elsewhere."""

from django import template
from django.utils import timezone
from django.utils.html import format_html

register = template.Library()

# A square is a machine, a disc a person, the line between them the review; dashed is open.
_SIGN = (
    '<svg class="sign sign--{}" viewBox="0 0 36 14" width="36" height="14" aria-hidden="true" focusable="false">'
    '<path class="sign__square" d="M1 2h10v10H1z"/><path class="sign__line" d="M11 7h12"/>'
    '<circle class="sign__disc" cx="29" cy="7" r="5"/><path class="sign__tick" d="M26.6 7.2l1.7 1.7 3-3.6"/></svg>'
)
LEVELS = {"beginner": 1, "intermediate": 2, "advanced": 3}


@register.simple_tag
def sign(is_approved):
    """The status sign; words always stand beside it."""
    return format_html(_SIGN, "approved" if is_approved else "open")


@register.filter
def day(moment):
    """A moment as a day in the site's zone: 18 May 2026."""
    if not moment:
        return ""
    moment = timezone.localtime(moment)
    return f"{moment.day} {moment:%B %Y}"


@register.filter
def grouped(number):
    """12460 → 12,460; anything else as it is."""
    return f"{int(number):,}" if str(number).isdigit() else number


@register.simple_tag
def score_bar(value):
    """Ten squares, filled to `value` of 100, as one path; the number stands beside it."""
    try:
        filled = max(0.0, min(100.0, float(value)))
    except ValueError:
        return ""
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


@register.simple_tag
def level_squares(difficulty):
    """The level as filled squares, for the three levels that everybody uses; nothing for other words."""
    level = LEVELS.get(str(difficulty).strip().lower())
    if not level:
        return ""
    full = "".join(f"M{1 + i * 11} 1h8v8h-8z" for i in range(level))
    rest = "".join(f"M{1 + i * 11} 1h8v8h-8z" for i in range(level, 3))
    return format_html(
        '<svg class="level" viewBox="0 0 33 10" width="33" height="10" aria-hidden="true" focusable="false">'
        '<path class="level__full" d="{}"/><path class="level__rest" d="{}"/></svg>',
        full,
        rest,
    )


@register.simple_tag
def share_bar(percent):
    """A thin bar of `percent` (0–100) of its width."""
    return format_html(
        '<svg class="share-bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<path d="M0 0h{}v3H0z"/></svg>',
        int(percent),
    )
