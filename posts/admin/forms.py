"""The forms of the desk. They collect and show; what is acceptable is decided by the record and the operations."""

from django import forms

from posts.admin.fields import CanonicalText, EntitiesField, ObjectField, PairsField, TextListField
from posts.models import Review
from posts.operations.record_revision import BUMPS

TEXT_FIELDS = ("title", "reference", "intro", "body", "topic", "summary", "ai_brief", "code_language", "difficulty")
OTHER_FIELDS = ("ai_outline", "stack", "tools", "entities", "payload", "notes", "authors", "tags", "language")
NUMBERS_AND_DAYS = ("reading_time", "published_on")
PARTS = (
    ("text", "Text", ("title", "intro", "body")),
    ("subject", "Subject", ("topic", "summary", "ai_outline", "ai_brief", "stack", "tools", "code_language",
                            "difficulty", "reading_time", "tags", "entities")),
    ("record", "Record", ("reference", "published_on", "authors", "language", "notes", "payload")),
)  # fmt: skip


def _area(rows):
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


def _line():
    return forms.TextInput(attrs={"dir": "auto"})


class PostForm(forms.Form):
    """The working copy, but for images and checklist."""

    head = forms.IntegerField(widget=forms.HiddenInput, required=False)
    title = CanonicalText(widget=_line())
    intro = CanonicalText(widget=_area(5), help_text="Markdown. The first paragraph stands larger.")
    body = CanonicalText(
        widget=_area(24),
        help_text="Markdown. ![](image:3) places the third image, [checklist] the checklist; the rest follows.",
    )
    topic = CanonicalText(widget=_line())
    summary = CanonicalText(widget=_area(3))
    ai_outline = PairsField(label="AI outline")
    ai_brief = CanonicalText(label="AI brief", widget=_area(3))
    stack = TextListField(label="Stack")
    tools = TextListField(label="Tools")
    code_language = CanonicalText(widget=_line())
    difficulty = CanonicalText(widget=_line())
    reading_time = forms.IntegerField(required=False, min_value=0, max_value=100_000, help_text="Minutes.")
    tags = TextListField(label="Tags")
    entities = EntitiesField(label="Entities")
    reference = CanonicalText(widget=_line())
    published_on = forms.DateField(required=False, help_text="YYYY-MM-DD.")
    authors = TextListField(label="Authors")
    language = CanonicalText(widget=_line(), help_text="Of the text, as a tag: en, pt-BR.")
    notes = TextListField(label="Notes")
    payload = ObjectField(help_text="What the generator wrote of itself, as JSON.")
    bump = forms.ChoiceField(choices=[(bump, bump) for bump in BUMPS], initial="patch", widget=forms.RadioSelect)
    why = forms.CharField(required=False, max_length=500, help_text="For the history: dead link replaced.")

    def parts(self):
        """[(id, label, [bound field])] in the order of the page."""
        return [(name, label, [self[field] for field in fields]) for name, label, fields in PARTS]

    def record(self, working_record, images, checklist):
        """The record dict that the forms say, on top of `working_record`, whose unseen keys stay as they are."""
        values = {name: self.cleaned_data[name] for name in (*TEXT_FIELDS, *OTHER_FIELDS, "reading_time")}
        day = self.cleaned_data["published_on"]
        values["published_on"] = day.isoformat() if day else None
        values["image_sources"] = images.rows(working_record.get("image_sources", []))
        values["checklist"] = [row["text"] for row in checklist.rows([])]
        return working_record | values

    def add_problems(self, problems, images, checklist):
        """Put what the record's checks refused beside the field that it is about."""
        for problem in problems:
            _, _, path = problem.pointer.partition("/")
            key, _, rest = path.partition("/")
            index, _, name = rest.partition("/")
            if key == "image_sources" and index.isdigit():
                images.add_problem(int(index), {"width": "width_px", "height": "height_px"}.get(name, name), problem)
            elif key == "checklist" and index.isdigit():
                checklist.add_problem(int(index), "text", problem)
            elif key in self.fields:
                place = f"{rest}: " if rest else ""
                self.add_error(key, f"{place}{problem.message}")
            else:
                self.add_error(None, str(problem))


class ImageForm(forms.Form):
    """One image. `kept` says which image of the record this row was, so that keys no form shows stay with it."""

    kept = forms.IntegerField(required=False, widget=forms.HiddenInput)
    position = forms.IntegerField(label="Order", required=False, min_value=1, max_value=999)
    source = CanonicalText(widget=_line())
    licence = CanonicalText(widget=_line())
    caption = CanonicalText(widget=_line())
    alt = CanonicalText(label="Alt text", widget=_line())
    url = CanonicalText(label="URL", widget=forms.TextInput(attrs={"inputmode": "url"}))
    width_px = forms.IntegerField(label="Width, px", required=False, min_value=1)
    height_px = forms.IntegerField(label="Height, px", required=False, min_value=1)

    def row(self, before):
        data = self.cleaned_data
        kept = data.get("kept")
        base = before[kept - 1] if kept and kept <= len(before) else {}
        values = {name: data[name] for name in ("source", "licence", "caption", "alt", "url")}
        values |= {"width": data["width_px"], "height": data["height_px"]}
        return base | values

    def is_empty(self):
        return not any(self.cleaned_data.get(name) for name in ("source", "licence", "caption", "alt", "url"))


class ChecklistForm(forms.Form):
    """One point of the checklist."""

    position = forms.IntegerField(label="Place", required=False, min_value=1, max_value=999)
    text = CanonicalText(widget=_line())

    def row(self, before):
        return {"text": self.cleaned_data["text"]}

    def is_empty(self):
        return not self.cleaned_data.get("text")


class OrderedRows(forms.BaseFormSet):
    """Rows in the order of their numbers; rows that are empty or taken out are left out."""

    deletion_widget = forms.CheckboxInput

    def add_fields(self, form, index):
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Take out"

    def kept_forms(self):
        forms_kept = [form for form in self.forms if not form.cleaned_data.get("DELETE") and not form.is_empty()]
        return sorted(forms_kept, key=lambda form: form.cleaned_data.get("position") or 1000)

    def rows(self, before):
        """[dict] of the rows that stay; `before` are the objects that `kept` numbers point to."""
        return [form.row(before) for form in self.kept_forms()]

    def add_problem(self, index, name, problem):
        form = self.kept_forms()[index]
        form.add_error(name if name in form.fields else None, problem.message)


ImageFormSet = forms.formset_factory(ImageForm, formset=OrderedRows, extra=1, can_delete=True, max_num=51)
ChecklistFormSet = forms.formset_factory(ChecklistForm, formset=OrderedRows, extra=2, can_delete=True, max_num=200)


def image_initial(record):
    """Initial rows of ImageFormSet for a record dict."""
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


def checklist_initial(record):
    """Initial rows of ChecklistFormSet for a record dict."""
    return [{"position": number, "text": text} for number, text in enumerate(record.get("checklist", ()), 1)]


class DecisionForm(forms.Form):
    """Everything that a reviewer says about the proposed text."""

    fingerprint = forms.CharField(widget=forms.HiddenInput)
    flags_seen = forms.CharField(required=False, widget=forms.HiddenInput)
    ticks = forms.MultipleChoiceField(label="Checked and true", required=False, widget=forms.CheckboxSelectMultiple)
    reason_code = forms.ChoiceField(
        label="Reason, when edits are asked for or the text is rejected", required=False, choices=Review.ReasonCode
    )
    comment = forms.CharField(required=False, widget=_area(3))
    expected_result = forms.CharField(required=False, widget=_area(2))
    rollback_note = forms.CharField(required=False, widget=_area(2))
    own_text_reason = forms.CharField(label="Why you approve your own text", required=False, widget=_area(2))

    def __init__(self, *args, post, **options):
        super().__init__(*args, **options)
        items = dict.fromkeys(post.head_revision.snapshot.get("checklist", ()))
        self.fields["ticks"].choices = [(item, item) for item in items]
        if not items:
            del self.fields["ticks"]

    def clean_flags_seen(self):
        return [int(part) for part in self.cleaned_data["flags_seen"].split(",") if part.isdigit() and len(part) < 19]


class WhyForm(forms.Form):
    """A reason in words."""

    why = forms.CharField(required=False, max_length=500, widget=_area(2))


class FlagForm(forms.Form):
    """What somebody should look at."""

    note = forms.CharField(max_length=500, widget=_area(2), label="What should a person look at?")


class AddressForm(forms.Form):
    """Another slug."""

    slug = forms.CharField(label="Address", max_length=200, help_text="Small letters, digits, hyphens.")
