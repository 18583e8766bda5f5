"""Rows of a formset, of which the empty ones are alike: each process renders one of them."""

from typing import Any

from django import template
from django.forms import BaseForm
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()
# Stands for the prefix of a row. No page contains it.
_ANY_ROW = "\x01row\x01"
# (template, name of the formset) → an empty row.
_empty: dict[tuple[str, str], str] = {}


@register.simple_tag
def form_row(template_name: str, row: Any, form: BaseForm, number: int = 0) -> SafeString:
    """Return a row of a formset as HTML. row, number: for the template; form: the form of the row.

    An empty row shows nothing of a post or a person. The rows of one formset differ only in their prefix.
    """
    context = {"row": row, "number": number}
    if form.is_bound or form.initial:
        return SafeString(render_to_string(template_name, context))
    prefix = str(form.prefix)
    key = (template_name, prefix.rpartition("-")[0])
    if key not in _empty:
        _empty[key] = render_to_string(template_name, context).replace(prefix, _ANY_ROW)
    return SafeString(_empty[key].replace(_ANY_ROW, prefix))
