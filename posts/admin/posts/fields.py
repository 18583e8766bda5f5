"""Form fields for the lists and objects of a record: nobody has to know JSON to edit them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

# The texts of one row.
Cells = list[str]

EMPTY_ROWS = 2
# A longer list is kept unchanged: neither browsers nor people can handle a form with thousands of rows.
MAX_ROWS = 200
# So many characters fit into a row that is as wide as the form.
LINE_LENGTH = 90


class CanonicalText(forms.CharField):
    """Text as typed. The record makes it canonical, so that what is stored is what is hashed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, required=False, **options)


class RowsWidget(forms.Widget):
    """Rows of small text fields; each row has `parts` (name, label). Emptied rows go; two empty ones follow.

    has_room: each row is as wide as the form and grows with its text, for sentences.
    """

    template_name = "forms/rows.html"

    def __init__(self, parts: Sequence[tuple[str, str]], *, has_room: bool = False) -> None:
        self.parts, self.has_room = parts, has_room
        super().__init__()

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return ""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Cells]:
        # A browser sends every line end as CR LF.
        columns = [[text.replace("\r\n", "\n") for text in data.getlist(f"{name}-{part}")] for part, _ in self.parts]
        return [list(row) for row in zip(*columns, strict=False)]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = list(value or []) + [[""] * len(self.parts)] * EMPTY_ROWS
        context["widget"]["has_room"] = self.has_room
        context["widget"]["rows"] = [
            {
                "is_empty": not any(row),
                "cells": [self._cell(name, *cell, number) for cell in zip(self.parts, row, strict=True)],
            }
            for number, row in enumerate(rows, 1)
        ]
        return context

    def _cell(self, name: str, part: tuple[str, str], text: str, number: int) -> dict[str, Any]:
        key, label = part
        return {
            "name": f"{name}-{key}",
            "label": f"{label} {number}",
            "value": text,
            "is_hidden": label == "",
            # A one-line field would lose the line ends, and cut a long text.
            "line_count": sum(len(line) // LINE_LENGTH + 1 for line in text.split("\n")),
            "grows": self.has_room,
        }


class RowsField(forms.Field):
    """Base of fields whose form value is a list of rows (lists of text). A part without a label is hidden."""

    parts: tuple[tuple[str, str | None], ...] = (("value", None),)

    def __init__(self, *, label: str, help_text: str = "", has_room: bool = False) -> None:
        parts = [(name, label if part_label is None else part_label) for name, part_label in self.parts]
        widget = RowsWidget(parts, has_room=has_room)
        super().__init__(label=label, required=False, help_text=help_text, widget=widget)
        self.opened: Any = None
        self.opened_rows: list[Cells] | None = None

    def open_with(self, value: Any) -> list[Cells]:
        """Remember the record's own value and return its rows: unchanged rows are that value to the byte."""
        self.opened, self.opened_rows = value, self.prepare_value(value)
        return self.opened_rows

    def prepare_value(self, value: Any) -> list[Cells]:
        """Return the rows that show `value`; rows from a browser stay as they are."""
        if isinstance(value, list) and value and isinstance(value[0], list):
            return self._filled(value)
        return self.rows_of(value)

    def clean(self, rows: Any) -> Any:
        """Return the record's value for the rows that a person filled in."""
        rows = self._filled(rows or [])
        if self.opened_rows is not None and rows == self._filled(self.opened_rows):
            return self.opened
        return self.value_of(rows)

    def rows_of(self, value: Any) -> list[Cells]:
        """Return the rows that show a value of the record."""
        raise NotImplementedError

    def value_of(self, rows: list[Cells]) -> Any:
        """Return the value of the record for filled rows."""
        raise NotImplementedError

    def _filled(self, rows: Iterable[Cells]) -> list[Cells]:
        return [row for row in rows if self.is_filled(row)]

    def is_filled(self, row: Cells) -> bool:
        return any(row)


class TextListField(RowsField):
    """A list of texts."""

    def rows_of(self, value: Any) -> list[Cells]:
        return [[text] for text in value or []]

    def value_of(self, rows: list[Cells]) -> Any:
        return [row[0] for row in rows]


class PairsField(RowsField):
    """An object of label → text, in order."""

    parts: tuple[tuple[str, str | None], ...] = (("label", "Label"), ("text", "Text"))

    def rows_of(self, value: Any) -> list[Cells]:
        return [list(pair) for pair in (value or {}).items()]

    def value_of(self, rows: list[Cells]) -> Any:
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

    def rows_of(self, value: Any) -> list[Cells]:
        return [
            [label, item, ""] if isinstance(item, str) else [label, json.dumps(item), "json"]
            for label, item in (value or {}).items()
        ]

    def is_filled(self, row: Cells) -> bool:
        return bool(row[0] or row[1])

    def value_of(self, rows: list[Cells]) -> Any:
        values = super().value_of(rows)
        return {label: _scalar(values[label]) if kind == "json" else values[label] for label, _, kind in rows}


class ScoreField(forms.CharField):
    """A score from 0 to 100. A number keeps its own form: 84 stays 84, and 84.0 stays 84.0."""

    widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def __init__(self, *, label: str) -> None:
        super().__init__(label=label, required=False)

    def prepare_value(self, value: Any) -> str:
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def clean(self, value: Any) -> int | float | None:
        """Return the number, or None for an empty field."""
        if not value:
            return None
        number = _scalar(value)
        # True is a number for Python.
        if type(number) not in (int, float) or not 0 <= number <= 100:
            raise ValidationError("Enter a number from 0 to 100.")
        return number  # type: ignore[no-any-return]  # checked above


class FlagField(forms.TypedChoiceField):
    """A flag of the record: 1, 0, or nothing."""

    def __init__(self, *, label: str) -> None:
        choices = [("", "Not stated"), ("1", "Yes"), ("0", "No")]
        super().__init__(label=label, required=False, choices=choices, coerce=int, empty_value=None)


def is_flat(value: Any) -> bool:
    """Return whether a JSON value fits into one row of FlatValuesField."""
    return not isinstance(value, list | dict)


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if is_flat(value) and not isinstance(value, str) else text


class EntitiesField(RowsField):
    """Objects with name and type; other keys of each are kept unseen."""

    parts = (("name", "Name"), ("type", "Type"), ("extra", ""))

    def rows_of(self, value: Any) -> list[Cells]:
        rows = []
        for entity in value or []:
            extra = {key: item for key, item in entity.items() if key not in ("name", "type")}
            rows.append([entity["name"], entity.get("type", ""), json.dumps(extra) if extra else ""])
        return rows

    def is_filled(self, row: Cells) -> bool:
        return bool(row[0] or row[1])

    def value_of(self, rows: list[Cells]) -> Any:
        return [_entity(*row) for row in rows]


def _entity(name: str, kind: str, extra: str) -> dict[str, Any]:
    try:
        others = json.loads(extra) if extra else {}
    except (ValueError, RecursionError):
        others = {}
    entity = {"name": name, "type": kind} if kind else {"name": name}
    return entity | (others if isinstance(others, dict) else {})


class ObjectField(forms.CharField):
    """An object of any JSON values, as text; an error names line and column."""

    widget = forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "mono grows"})

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, strip=True, **options)

    def prepare_value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""

    def clean(self, value: Any) -> dict[str, Any]:
        """Return the object as a dict; {} for an empty field."""
        if not value:
            return {}
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            raise ValidationError(f"This is not JSON{where}. Write an object: {{…}}.") from None
        if not isinstance(value, dict):
            raise ValidationError("Enter an object: {…}.")
        return value
