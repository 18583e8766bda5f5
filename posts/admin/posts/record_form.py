"""The form of a record. It collects and shows; the record and the operations decide what is valid."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from posts.admin.choices import offers
from posts.admin.posts.fields import (
    MAX_ROWS,
    CanonicalText,
    EntitiesField,
    FlagField,
    FlatValuesField,
    ObjectField,
    PairsField,
    RowsField,
    ScoreField,
    TextListField,
    is_flat,
)
from posts.records.schema import MAX_IMAGES, Problem, RecordDict
from posts.records.versions import BUMPS

TEXT_FIELDS = ("title", "reference", "intro", "body", "topic", "summary", "ai_brief", "code_language", "difficulty",
               "language")  # fmt: skip
ROW_FIELDS = ("ai_outline", "stack", "tools", "entities", "notes", "authors", "tags")
# The fields of objects: {field: (key of the record, key in the object)}. All other keys of the objects stay.
SCORE_FIELDS = {f"score_{name}": ("score", name) for name in ("quality", "freshness", "depth", "clarity")}
FLAG_FIELDS = {f"flag_{name}": ("flags", name) for name in ("ai_generated_style", "has_images", "image_heavy")}
OBJECT_FIELDS = SCORE_FIELDS | FLAG_FIELDS
# The keys of a record that this form can change; all others stay as they are.
FORM_KEYS = (*TEXT_FIELDS, *ROW_FIELDS, "reading_time", "payload", "published_on", "image_sources", "checklist",
             "score", "flags")  # fmt: skip
PARTS = (
    ("text", "Text", ("title", "intro", "body")),
    ("subject", "Subject", ("topic", "summary", "stack", "tools", "difficulty", "code_language", "reading_time",
                            "tags", "entities", "ai_outline", "ai_brief")),
    ("images", "Images", ()),
    ("checklist", "Checklist", ()),
    ("record", "Record and claims", ("reference", "published_on", "language", "authors", "notes", *OBJECT_FIELDS,
                                     "payload_flat", "payload_rest")),
)  # fmt: skip
_PLACED_IMAGE = re.compile(r"!\[[^\]]*\]\(image:(\d{1,3})\)")


def _area(rows: int, **attrs: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto", **attrs})


def _markdown(rows: int) -> forms.Textarea:
    """Return the widget of a Markdown text, which scripts turn into an editor."""
    return _area(rows, **{"data-editor": "markdown"})


def _line(**attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"dir": "auto", **attrs})


class PostForm(forms.Form):
    """The working copy without images and checklist. `record`: the record dict that the form was opened on."""

    head = forms.IntegerField(widget=forms.HiddenInput, required=False)
    title = CanonicalText(widget=_line())
    intro = CanonicalText(widget=_markdown(5), help_text="Markdown. The first paragraph is shown larger.")
    body = CanonicalText(
        widget=_markdown(24),
        help_text="Markdown. ![](image:3) places the third image, [checklist] the checklist; the rest follows.",
    )
    topic = CanonicalText(widget=_line())
    summary = CanonicalText(widget=_area(3))
    stack = TextListField(label="Stack")
    tools = TextListField(label="Tools")
    difficulty = CanonicalText(widget=offers("difficulty"))
    code_language = CanonicalText(widget=offers("code-language"))
    reading_time = forms.IntegerField(label="Reading time, minutes", required=False, min_value=0, max_value=100_000)
    tags = TextListField(label="Tags")
    entities = EntitiesField(label="Entities")
    ai_outline = PairsField(label="AI outline")
    ai_brief = CanonicalText(label="AI brief", widget=_area(3))
    reference = CanonicalText(widget=_line())
    published_on = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    language = CanonicalText(
        widget=offers("language"), help_text="Type its name and choose it, or enter a language tag: en, pt-BR."
    )
    authors = TextListField(label="Authors")
    notes = TextListField(label="Notes", has_room=True)
    score_quality = ScoreField(label="Score: quality")
    score_freshness = ScoreField(label="Score: freshness")
    score_depth = ScoreField(label="Score: depth")
    score_clarity = ScoreField(label="Score: clarity")
    flag_ai_generated_style = FlagField(label="Flag: AI-generated style")
    flag_has_images = FlagField(label="Flag: has images")
    flag_image_heavy = FlagField(label="Flag: image heavy")
    payload_flat = FlatValuesField(label="Payload", help_text="Generator metadata.")
    payload_rest = ObjectField(label="Payload, nested values", help_text="As JSON.")
    bump = forms.ChoiceField(choices=[(bump, bump) for bump in BUMPS], initial="patch", widget=forms.RadioSelect)
    why = forms.CharField(required=False, max_length=500)

    def __init__(self, data: Any = None, *, record: RecordDict, **options: Any) -> None:
        payload = record.get("payload", {})
        flat = {key: value for key, value in payload.items() if is_flat(value)}
        rest = {key: value for key, value in payload.items() if not is_flat(value)}
        objects = {field: record.get(key, {}).get(name) for field, (key, name) in OBJECT_FIELDS.items()}
        initial = {**record, **objects, "payload_flat": flat, "payload_rest": rest, **options.pop("initial", {})}
        super().__init__(data, initial=initial, **options)
        self.opened = record
        self.too_long: list[tuple[str, int]] = []
        for name, field in list(self.fields.items()):
            if not isinstance(field, RowsField):
                continue
            count = len(field.open_with(initial.get(name)))
            if count > MAX_ROWS:
                self.too_long.append((str(field.label), count))
                del self.fields[name]
        if not rest and not self["payload_rest"].value():
            self.fields["payload_rest"].help_text = "Lists and objects, as JSON. This record has none."

    def parts(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """Return [(id, label, [bound field])] in the order of the page."""
        return [
            (name, label, [self[field] for field in fields if field in self.fields]) for name, label, fields in PARTS
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse a label that is in both halves of the payload."""
        data = super().clean() or self.cleaned_data
        if twice := set(data.get("payload_flat") or ()) & set(data.get("payload_rest") or ()):
            self.add_error("payload_rest", f"“{min(twice)}” is already used above. Rename one.")
        return data

    def record(self, images: "OrderedRows", checklist: "OrderedRows | None") -> RecordDict:
        """Return the record dict of the forms, based on the one that they were opened on.

        A value that is not valid stays as it was.
        """
        data = self.cleaned_data
        values = {name: data[name] for name in (*TEXT_FIELDS, *ROW_FIELDS, "reading_time") if name in data}
        if "published_on" in data:
            values["published_on"] = data["published_on"].isoformat() if data["published_on"] else None
        if "payload_flat" in data and "payload_rest" in data:
            values["payload"] = self._payload()
        for key in ("score", "flags"):
            values[key] = self._object(key)
        values["image_sources"] = images.rows(self.opened.get("image_sources", []))
        if checklist is not None:
            values["checklist"] = [row["text"] for row in checklist.rows([])]
        return self.opened | values

    def _object(self, key: str) -> dict[str, Any]:
        """Return the scores or the flags with what was typed; an emptied field removes its key."""
        data = self.cleaned_data
        # A value that is not valid is not there; the record keeps its own.
        fields = {name: data[field] for field, (of, name) in OBJECT_FIELDS.items() if of == key and field in data}
        both = self.opened.get(key, {}) | fields
        return {name: value for name, value in both.items() if name not in fields or value is not None}

    def _payload(self) -> dict[str, Any]:
        """Return both halves in their original order, with new keys at the end."""
        both = self.cleaned_data["payload_flat"] | self.cleaned_data["payload_rest"]
        before = [key for key in self.opened.get("payload", {}) if key in both]
        return {key: both[key] for key in dict.fromkeys([*before, *both])}

    def add_problems(self, problems: Iterable[Problem], images: "OrderedRows", checklist: "OrderedRows | None") -> None:
        """Put each problem that the record's checks found beside its field."""
        for problem in problems:
            _, _, path = problem.pointer.partition("/")
            key, _, rest = path.partition("/")
            index, _, name = rest.partition("/")
            if key == "payload":
                key = "payload_rest" if index in self.cleaned_data.get("payload_rest", {}) else "payload_flat"
            key = next((field for field, path in OBJECT_FIELDS.items() if path == (key, index)), key)
            if key == "image_sources" and index.isdigit():
                images.add_problem(int(index), {"width": "width_px", "height": "height_px"}.get(name, name), problem)
            elif key == "checklist" and index.isdigit() and checklist is not None:
                checklist.add_problem(int(index), "text", problem)
            elif key in self.fields:
                self.add_error(key, f"{_place(rest)}{problem.message}")
            else:
                self.add_error(None, str(problem))


def _place(rest: str) -> str:
    """Return the place in a list or object: "0/name" is the first row's."""
    index, _, name = rest.partition("/")
    if not rest:
        return ""
    place = f"row {int(index) + 1}" if index.isdigit() else f"“{index}”"
    return f"({place}{', ' + name if name else ''}) "


class ImageForm(forms.Form):
    """One image. `kept` is its number in the opened record, so that keys without a field stay with it."""

    kept = forms.IntegerField(required=False, widget=forms.HiddenInput)
    position = forms.IntegerField(label="Order", required=False, min_value=1, max_value=999)
    source = CanonicalText(widget=_line())
    licence = CanonicalText(widget=offers("licence"))
    caption = CanonicalText(widget=_line())
    alt = CanonicalText(label="Alt text", widget=_line())
    url = CanonicalText(label="URL", widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}))
    width_px = forms.IntegerField(label="Width, px", required=False, min_value=1)
    height_px = forms.IntegerField(label="Height, px", required=False, min_value=1)

    def row(self, before: Sequence[RecordDict]) -> RecordDict:
        """Return the image object. before: those of the record that the form was opened on."""
        data = self.cleaned_data
        kept = data.get("kept")
        base = before[kept - 1] if kept and 0 < kept <= len(before) else {}
        # A value that is not valid is not there.
        values: RecordDict = {
            name: data[name] for name in ("source", "licence", "caption", "alt", "url") if name in data
        }
        values |= {"width": data.get("width_px"), "height": data.get("height_px")}
        return base | values

    def is_empty(self) -> bool:
        """Return whether nothing was typed into the row."""
        return not any(self.cleaned_data.get(name) for name in ("source", "licence", "caption", "alt", "url"))


class ChecklistForm(forms.Form):
    """One item of the checklist."""

    position = forms.IntegerField(label="Place", required=False, min_value=1, max_value=999)
    text = CanonicalText(widget=_line())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        lines = str(self.initial.get("text", "")).count("\n") + 1
        if lines > 1:
            # A one-line field would lose the line ends.
            self.fields["text"].widget = _area(lines)

    def row(self, before: Sequence[RecordDict]) -> RecordDict:
        """Return the item; the form shows all of it."""
        return {"text": self.cleaned_data.get("text", "")}

    def is_empty(self) -> bool:
        """Return whether nothing was typed into the row."""
        return not self.cleaned_data.get("text")


def _place_in_order(form: forms.Form) -> tuple[int, int]:
    place, before = form.cleaned_data.get("position") or 1000, form.initial.get("position") or 1000
    return place, (place > before) - (place < before)


class OrderedRows(forms.BaseFormSet):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Rows in the order of their numbers, without empty and removed ones."""

    deletion_widget = forms.CheckboxInput

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        """Add the fields, with our label for removal, and none of it on an empty row."""
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Remove"

    def kept_forms(self) -> list[Any]:
        """Return the forms of the rows that stay, in their new order.

        If two rows have one number, the row whose number was typed goes before the other if it came from below, and
        after it if it came from above.
        """
        kept = [form for form in self.forms if not form.cleaned_data.get("DELETE") and not form.is_empty()]
        return sorted(kept, key=_place_in_order)

    def rows(self, before: Sequence[RecordDict]) -> list[RecordDict]:
        """Return [dict] of the rows that stay. before: the objects that `kept` numbers refer to."""
        return [form.row(before) for form in self.kept_forms()]

    def add_problem(self, index: int, name: str, problem: Problem) -> None:
        """Put a problem of the record beside the row with this index among those that stay."""
        form = self.kept_forms()[index]
        form.add_error(name if name in form.fields else None, problem.message)


# Without JavaScript a save adds at most so many rows; a script adds any number.
NEW_ROWS = 3
ImageFormSet: Any = forms.formset_factory(
    ImageForm,
    formset=OrderedRows,
    extra=NEW_ROWS,
    can_delete=True,
    can_delete_extra=False,
    max_num=MAX_IMAGES + NEW_ROWS,
)
ChecklistFormSet: Any = forms.formset_factory(
    ChecklistForm,
    formset=OrderedRows,
    extra=NEW_ROWS,
    can_delete=True,
    can_delete_extra=False,
    max_num=MAX_ROWS + NEW_ROWS,
)


RecordForms = tuple[PostForm, OrderedRows, OrderedRows | None]


def record_forms(record: RecordDict, *, head_id: int | None = None, data: Any = None) -> RecordForms:
    """Return (PostForm, ImageFormSet, ChecklistFormSet) opened on a record dict.

    The checklist is None if it is too long for a form; it then stays as it is.
    """
    form = PostForm(data, record=record, initial={"head": head_id, "bump": "patch"})
    images = ImageFormSet(data, initial=_image_rows(record), prefix="images")
    points = record.get("checklist", [])
    if len(points) > MAX_ROWS:
        form.too_long.append(("Checklist", len(points)))
        return form, images, None
    rows = [{"position": number, "text": text} for number, text in enumerate(points, 1)]
    return form, images, ChecklistFormSet(data, initial=rows, prefix="checklist")


def _image_rows(record: RecordDict) -> list[dict[str, Any]]:
    return [
        {
            **{name: image.get(name, "") for name in ("source", "licence", "caption", "alt", "url")},
            "width_px": image.get("width"),
            "height_px": image.get("height"),
            "position": number,
            "kept": number,
        }
        for number, image in enumerate(record.get("image_sources", ()), 1)
    ]


# Names of the fields in which people type, and of those that go along unseen.
TYPED = re.compile(rf"(?:{'|'.join(PostForm.base_fields)}|images|checklist)(?:-\w{{1,20}}){{0,2}}")
UNSEEN = re.compile(
    r"head|bump|_save|_submit|unsaved_(?:window|replaces)|(?:images|checklist)-(?:TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS"
)


def placed_images(*texts: str | None) -> set[int]:
    """Return the set of image numbers that Markdown texts place."""
    return {int(number) for text in texts for number in _PLACED_IMAGE.findall(text or "")}
