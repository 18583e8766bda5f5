"""Form fields for the lists and objects of a record: nobody has to know JSON to edit them."""

import json

from django import forms
from django.core.exceptions import ValidationError

EMPTY_ROWS = 2
# A longer list is kept unchanged: neither browsers nor people can handle a form with thousands of rows.
MAX_ROWS = 200


class CanonicalText(forms.CharField):
    """Text as typed. The record makes it canonical, so that what is stored is what is hashed."""

    def __init__(self, **options):
        super().__init__(strip=False, required=False, **options)


class RowsWidget(forms.Widget):
    """Rows of small text fields; each row has `parts` (name, label). Emptied rows go; two empty ones follow."""

    template_name = "admin/posts/widgets/rows.html"

    def __init__(self, parts, attrs=None):
        self.parts = parts
        super().__init__(attrs)

    def use_required_attribute(self, initial):
        return False

    def id_for_label(self, id_):
        return ""

    def value_from_datadict(self, data, files, name):
        # A browser sends every line end as CR LF.
        columns = [[text.replace("\r\n", "\n") for text in data.getlist(f"{name}-{part}")] for part, _ in self.parts]
        return [list(row) for row in zip(*columns, strict=False)]

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        rows = list(value or []) + [[""] * len(self.parts)] * EMPTY_ROWS
        context["widget"]["rows"] = [
            {
                "is_empty": not any(row),
                "cells": [self._cell(name, *cell, number) for cell in zip(self.parts, row, strict=True)],
            }
            for number, row in enumerate(rows, 1)
        ]
        return context

    def _cell(self, name, part, text, number):
        key, label = part
        return {
            "name": f"{name}-{key}",
            "label": f"{label} {number}",
            "value": text,
            "is_hidden": label == "",
            # A one-line field would lose the line ends.
            "line_count": text.count("\n") + 1,
        }


class RowsField(forms.Field):
    """Base of fields whose form value is a list of rows (lists of text). A part without a label is hidden."""

    parts = (("value", None),)

    def __init__(self, *, label, help_text=""):
        parts = [(name, label if part_label is None else part_label) for name, part_label in self.parts]
        super().__init__(label=label, required=False, help_text=help_text, widget=RowsWidget(parts))
        self.opened, self.opened_rows = None, None

    def open_with(self, value):
        """Remember the record's own value: unchanged rows are that value to the byte."""
        self.opened, self.opened_rows = value, self.prepare_value(value)

    def prepare_value(self, value):
        """Return the rows that show `value`; rows from a browser stay as they are."""
        if isinstance(value, list) and value and isinstance(value[0], list):
            return self._filled(value)
        return self.rows_of(value)

    def clean(self, rows):
        """Return the record's value for the rows that a person filled in."""
        rows = self._filled(rows or [])
        if self.opened_rows is not None and rows == self._filled(self.opened_rows):
            return self.opened
        return self.value_of(rows)

    def _filled(self, rows):
        return [row for row in rows if self.is_filled(row)]

    def is_filled(self, row):
        return any(row)


class TextListField(RowsField):
    """A list of texts."""

    def rows_of(self, value):
        return [[text] for text in value or []]

    def value_of(self, rows):
        return [row[0] for row in rows]


class PairsField(RowsField):
    """An object of label → text, in order."""

    parts = (("label", "Label"), ("text", "Text"))

    def rows_of(self, value):
        return [list(pair) for pair in (value or {}).items()]

    def value_of(self, rows):
        labels = [row[0] for row in rows]
        if "" in labels:
            raise ValidationError("Every line needs a label. Enter one, or clear the line.")
        if len(set(labels)) < len(labels):
            raise ValidationError("Two lines have the same label. Rename one.")
        return {row[0]: row[1] for row in rows}


class FlatValuesField(PairsField):
    """An object of label → text, number, true, false or null.

    A value that was not text keeps its type while it still reads as one (84, true, null); a new line is text.
    """

    parts = (("label", "Label"), ("text", "Value"), ("kind", ""))

    def rows_of(self, value):
        return [
            [label, item, ""] if isinstance(item, str) else [label, json.dumps(item), "json"]
            for label, item in (value or {}).items()
        ]

    def is_filled(self, row):
        return bool(row[0] or row[1])

    def value_of(self, rows):
        values = super().value_of(rows)
        return {label: _scalar(values[label]) if kind == "json" else values[label] for label, _, kind in rows}


def is_flat(value):
    """Return whether a JSON value fits into one row of FlatValuesField."""
    return not isinstance(value, list | dict)


def _scalar(text):
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if is_flat(value) and not isinstance(value, str) else text


class EntitiesField(RowsField):
    """Objects with name and type; other keys of each are kept unseen."""

    parts = (("name", "Name"), ("type", "Type"), ("extra", ""))

    def rows_of(self, value):
        rows = []
        for entity in value or []:
            extra = {key: item for key, item in entity.items() if key not in ("name", "type")}
            rows.append([entity["name"], entity.get("type", ""), json.dumps(extra) if extra else ""])
        return rows

    def is_filled(self, row):
        return bool(row[0] or row[1])

    def value_of(self, rows):
        return [_entity(*row) for row in rows]


def _entity(name, kind, extra):
    try:
        others = json.loads(extra) if extra else {}
    except (ValueError, RecursionError):
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
        """Return the object as a dict; {} for an empty field."""
        if not value:
            return {}
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if hasattr(error, "lineno") else ""
            raise ValidationError(f"This is not JSON{where}. Write an object: {{…}}.") from None
        if not isinstance(value, dict):
            raise ValidationError("Enter an object: {…}.")
        return value
