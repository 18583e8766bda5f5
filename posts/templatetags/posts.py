"""Formatting only. Rules about posts are elsewhere."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from posts.jobs.registry import label_of
from posts.models import Review
from posts.rendering.dates import day
from posts.rendering.icons import status_icon

# Templates write these tags; in a text of somebody they are escaped.
_CELL = re.compile(r"<t[dh]\b")
_TAG = re.compile(r'<(?P<name>t[rdh])\b(?:[^<>]*?\bcolspan="(?P<span>[0-9]+)")?')

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


@register.simple_tag
def labelled_cells(cells: Iterable[str], headers: Iterable[Any]) -> SafeString:
    """Return the cells of a row of a list of Django's admin, each with the heading of its column.

    A column of check boxes has a check box as its heading, and no label.
    """
    labels = [
        "" if "action-checkbox" in header["class_attrib"] else capfirst(str(header["text"])) for header in headers
    ]
    return mark_safe("".join(_labelled(cell, label) for cell, label in zip(cells, labels, strict=True)))  # noqa: S308 (cells)


def _labelled(cell: str, label: str) -> str:
    """Return the HTML of a table cell with `label`, any text, in its attribute data-label."""
    return _CELL.sub(lambda tag: f"{tag[0]} {_attribute(label)}", cell, count=1)


def _attribute(label: str) -> SafeString:
    return format_html('data-label="{}"', label)


def _with_labels(rows: str, labels: Sequence[str]) -> str:
    """Return the HTML of table rows whose cells carry the heading of their column; a row heading is one already."""
    place = 0

    def label(tag: re.Match[str]) -> str:
        nonlocal place
        if tag["name"] == "tr":
            place = 0
            return tag[0]
        at, place = place, place + int(tag["span"] or 1)
        if tag["name"] == "th" or tag["span"] or at >= len(labels):
            return tag[0]
        return f"{tag[0][:3]} {_attribute(labels[at])}{tag[0][3:]}"

    return _TAG.sub(label, rows)


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
    rows = mark_safe(_with_labels(content, [str(heading) for heading, _ in columns]))  # noqa: S308 (rows of a template)
    return render_to_string("admin/_table.html", {"columns": columns, "rows": rows, **names})
