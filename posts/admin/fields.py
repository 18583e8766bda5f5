"""Form fields for the lists and objects of a record: nobody has to know JSON to edit them."""

import json

from django import forms
from django.core.exceptions import ValidationError

EMPTY_ROWS = 2


class CanonicalText(forms.CharField):
    """Text as typed: the record's own door makes it canonical, so what is stored is what is hashed."""

    def __init__(self, **options):
        super().__init__(strip=False, required=False, **options)


class RowsWidget(forms.Widget):
    """Rows of small text fields; each row has `parts` (name, label). Emptied rows are removed, two empty ones wait."""

    template_name = "admin/posts/widgets/rows.html"

    def __init__(self, parts, attrs=None):
        self.parts = parts
        super().__init__(attrs)

    def use_required_attribute(self, initial):
        return False

    def id_for_label(self, id_):
        return ""

    def value_from_datadict(self, data, files, name):
        columns = [data.getlist(f"{name}-{part}") for part, _ in self.parts]
        return [list(row) for row in zip(*columns, strict=False)]

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        rows = list(value or []) + [[""] * len(self.parts)] * EMPTY_ROWS
        context["widget"]["rows"] = [
            {
                "is_empty": not any(row),
                "cells": [
                    {
                        "name": f"{name}-{part}",
                        "label": f"{label} {number}",
                        "value": cell,
                        "is_hidden": part == "extra",
                    }
                    for (part, label), cell in zip(self.parts, row, strict=True)
                ],
            }
            for number, row in enumerate(rows, 1)
        ]
        return context


class RowsField(forms.Field):
    """Base of fields whose value in the form is a list of rows (lists of text)."""

    parts = (("value", ""),)

    def __init__(self, *, label):
        parts = [(name, part_label or label) for name, part_label in self.parts]
        super().__init__(label=label, required=False, widget=RowsWidget(parts))

    def has_changed(self, initial, data):
        return self.to_python(data) != self.to_python(initial)

    def to_python(self, rows):
        return [row for row in rows or [] if any(cell for cell in row)]


class TextListField(RowsField):
    """A list of texts."""

    def prepare_value(self, value):
        return value if value and isinstance(value[0], list) else [[text] for text in value or []]

    def clean(self, rows):
        return [row[0] for row in self.to_python(rows)]


class PairsField(RowsField):
    """An object of label → text, in its order."""

    parts = (("label", "Label"), ("text", "Text"))

    def prepare_value(self, value):
        return [list(pair) for pair in value.items()] if isinstance(value, dict) else value

    def clean(self, rows):
        rows = self.to_python(rows)
        labels = [label for label, _ in rows]
        if "" in labels:
            raise ValidationError("Every line needs a label. Write one, or empty the line.")
        if len(set(labels)) < len(labels):
            raise ValidationError("Two lines have the same label. Rename one.")
        return dict(rows)


class EntitiesField(RowsField):
    """Objects with name and type; other keys of each travel along unseen."""

    parts = (("name", "Name"), ("type", "Type"), ("extra", "Other keys"))

    def prepare_value(self, value):
        if value and isinstance(value[0], list):
            return value
        rows = []
        for entity in value or []:
            extra = {key: item for key, item in entity.items() if key not in ("name", "type")}
            rows.append([entity.get("name", ""), entity.get("type", ""), json.dumps(extra) if extra else ""])
        return rows

    def to_python(self, rows):
        return [row for row in rows or [] if row[0] or row[1]]

    def clean(self, rows):
        return [_entity(*row) for row in self.to_python(rows)]


def _entity(name, kind, extra):
    try:
        others = json.loads(extra) if extra else {}
    except ValueError:
        others = {}
    entity = {"name": name, "type": kind} if kind else {"name": name}
    return entity | (others if isinstance(others, dict) else {})


class ObjectField(forms.CharField):
    """An object of any JSON values, as text; an error names line and column."""

    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"})

    def __init__(self, **options):
        super().__init__(required=False, strip=True, **options)

    def prepare_value(self, value):
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""

    def clean(self, value):
        if not value:
            return {}
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if hasattr(error, "lineno") else ""
            raise ValidationError(f"This is not JSON{where}. Write an object: {{…}}.") from None
        if not isinstance(value, dict):
            raise ValidationError("Write an object: {…}.")
        return value
