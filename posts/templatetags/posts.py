"""Formatting only; what is true of a post is decided elsewhere."""

from django import template
from django.utils.html import format_html

from posts.rendering.dates import day
from posts.rendering.icons import status_icon

register = template.Library()
register.filter("day", day)
register.simple_tag(status_icon)


@register.simple_tag
def decision_badge(decision):
    """What a Review decided, as a sign and a word in a box."""
    sign = {"approved": "✓", "approved_in_part": "◐", "changes_requested": "↺", "rejected": "✕"}[decision.outcome]
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>',
        decision.outcome.replace("_", "-"),
        sign,
        decision.get_outcome_display(),
    )


@register.filter
def grouped(number):
    """12460 → 12,460; anything else as it is."""
    return f"{int(number):,}" if str(number).isdigit() else number
