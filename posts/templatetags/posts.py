"""Formatting only. Rules about posts are elsewhere."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from posts.jobs.registry import label_of
from posts.models import Review
from posts.rendering.dates import day
from posts.rendering.icons import status_icon

register = template.Library()
register.filter("day", day)
register.filter("job_label", label_of)
register.simple_tag(status_icon)


@register.simple_tag
def decision_badge(decision: Review) -> SafeString:
    """Return the outcome of a Review as an icon and a word in a box."""
    sign = {"approved": "✓", "approved_in_part": "◐", "changes_requested": "↺", "rejected": "✕"}[decision.outcome]
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>',
        decision.outcome.replace("_", "-"),
        sign,
        decision.get_outcome_display(),
    )


@register.filter
def grouped(number: Any) -> Any:
    """Return 12460 as 12,460; anything else unchanged."""
    return f"{int(number):,}" if str(number).isdigit() else number


@register.simple_block_tag
def table(
    content: SafeString,
    *headings: str,
    numbers: Iterable[str] = (),
    label: str = "",
    labelledby: str = "",
    kind: str = "",
    is_head_hidden: bool = False,
    is_grouped: bool = False,
) -> SafeString:
    """Return a table that scrolls on narrow screens, with the rows between the tags.

    A heading that begins with "#" is of a column of numbers; an empty one is of a column that is not there. numbers:
    headings of more columns of numbers. label or labelledby: the name of the table, or the id of the element with it.
    kind: the class of the table. is_head_hidden: whether only screen readers get the headings. is_grouped: whether the
    rows come in <tbody> groups.
    """
    columns = [(heading.removeprefix("#"), heading.startswith("#")) for heading in headings if heading]
    columns += [(capfirst(heading), True) for heading in numbers]
    names = {
        "label": label,
        "labelledby": labelledby,
        "kind": kind,
        "is_head_hidden": is_head_hidden,
        "is_grouped": is_grouped,
    }
    return render_to_string("admin/_table.html", {"columns": columns, "rows": content, **names})
