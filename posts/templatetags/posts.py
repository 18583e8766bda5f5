"""Formatting only. Rules about posts are elsewhere."""

from django import template
from django.utils.html import format_html

from posts.rendering.dates import day
from posts.rendering.icons import status_icon

register = template.Library()
register.filter("day", day)
register.simple_tag(status_icon)


@register.simple_tag
def decision_badge(decision):
    """Return the outcome of a Review as an icon and a word in a box."""
    sign = {"approved": "✓", "approved_in_part": "◐", "changes_requested": "↺", "rejected": "✕"}[decision.outcome]
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>',
        decision.outcome.replace("_", "-"),
        sign,
        decision.get_outcome_display(),
    )


@register.filter
def grouped(number):
    """Return 12460 as 12,460; anything else unchanged."""
    return f"{int(number):,}" if str(number).isdigit() else number
