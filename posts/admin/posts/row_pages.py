"""The page of one image and of one checklist item. Saving it saves its post, as the form of the post does."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.text import Truncator

from posts.admin.lists import number_in, status_badge
from posts.admin.lookup import find_post
from posts.admin.posts.edit import PostPage
from posts.admin.posts.page import ImageRow, findings_of_image, picture_of
from posts.admin.posts.record_form import ImageForm, placed_images
from posts.admin.trail import Step, step
from posts.content_checks.stored import results_of
from posts.models import ChecklistItem, ImageSource, Post
from posts.operations import HeadMoved, Refused
from posts.records.schema import RecordDict, RecordRefused, validate_record
from posts.records.versions import BUMPS, next_version


def row_address(model: type[Model], pk: object) -> str:
    """Return the address of the page of an image or a checklist item."""
    return reverse(f"admin:posts_{model._meta.model_name}_change", args=[pk])


class SaveFields(forms.Form):
    """What every form of a post's text has at its end."""

    head = forms.IntegerField(widget=forms.HiddenInput)
    place = forms.IntegerField(widget=forms.HiddenInput)
    bump = forms.ChoiceField(choices=[(bump, bump) for bump in BUMPS], initial="patch")
    why = forms.CharField(required=False, max_length=500)


class OneImageForm(ImageForm, SaveFields):
    """One image, without its place among the others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["kept"], self.fields["position"]

    @property
    def value(self) -> RecordDict:
        """The values of the image that a person typed."""
        return self.row(())


class OnePointForm(SaveFields):
    """One checklist item."""

    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}), strip=False)

    @property
    def value(self) -> str:
        """The text that a person typed."""
        return str(self.cleaned_data["text"])


class _RowPage(PostPage):
    """The page of one row of a post."""

    row_model: ClassVar[Any]
    form_class: ClassVar[Any]
    key: ClassVar[str]
    name: ClassVar[str]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.form: Any = None

    def may_see(self) -> bool:
        """Return whether the person may see these rows."""
        return self.request.user.has_perm(f"posts.view_{self.row_model._meta.model_name}")

    def find(self, object_id: str | None = None, **address: Any) -> Post:
        """Return the post of the row, and remember the row; 404 for none."""
        number = number_in(object_id)
        row = self.row_model.objects.filter(pk=number).first() if number is not None else None
        if row is None:
            raise Http404(f"No {self.name} has this number. It may have been removed since.")
        self.row = row
        return find_post(row.post_id)

    def page(self, subject: Any, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        post: Post = subject
        parts = post.working_record().get(self.key, [])
        opened = {"head": post.head_revision_id, "place": self.row.position, "bump": "patch", "why": ""}
        rows, name = self.row_model._meta, f"{self.name.capitalize()} {self.row.position}"
        form = self.form or self.form_class(initial={**opened, **self.initial(parts[self.row.position - 1])})
        return self.render(
            status=status,
            title=f"{name} of {Truncator(post.title).chars(100)}",
            trail=[
                step(str(rows.verbose_name_plural).capitalize(), f"posts_{rows.model_name}_changelist"),
                step(post.title, "posts_post_change", post.pk),
                Step(name),
            ],
            post=post,
            row=self.row,
            form=form,
            fields=[field for field in form.visible_fields() if field.name not in ("bump", "why")],
            head_badge=status_badge(post.head_revision),
            may_edit=self._may("change"),
            next_versions=[(bump, next_version(post.head_revision.version, bump)) for bump in BUMPS],
            count=len(parts),
            list_address=reverse(f"admin:posts_{self.row_model._meta.model_name}_changelist"),
            list_title=str(self.row_model._meta.verbose_name_plural).capitalize(),
            neighbours=self.row_model.objects.filter(post=post).exclude(pk=self.row.pk),
            **self.more(post),
        )

    def initial(self, part: Any) -> dict[str, Any]:
        """Return the initial values of the form for one part of the record."""
        raise NotImplementedError

    def more(self, post: Post) -> dict[str, Any]:
        """Return what else the page shows."""
        return {}

    def act(self, subject: Any) -> Any:
        """Save the row as the next version of its post."""
        post: Post = subject
        if not self._may("change"):
            raise PermissionDenied
        self.form = form = self.form_class(self.request.POST)
        if not form.is_valid():
            return self.page(post, status=422)
        opened = self._opened(post, self.request.POST.get("head"))
        record = opened.snapshot if opened and opened.pk != post.head_revision_id else post.working_record()
        parts, place = list(record.get(self.key, ())), form.cleaned_data["place"]
        if not 0 < place <= len(parts):
            raise Refused(f"This {self.name} was removed. Nothing was changed.")
        parts[place - 1] = parts[place - 1] | form.value if isinstance(parts[place - 1], dict) else form.value
        data = form.cleaned_data
        try:
            mine = validate_record({**record, "source_id": post.source_id, self.key: parts}).to_dict()
            return self._save(post, mine, head_id=data["head"], bump=data["bump"], why=data["why"])
        except RecordRefused as refusal:
            self._add_problems(refusal)
            return self.page(post, status=422)
        except HeadMoved as moved:
            return self._conflict(find_post(moved.post.pk), opened=opened, mine=mine)

    def _add_problems(self, refusal: RecordRefused) -> None:
        """Put each problem beside its field."""
        for problem in refusal.problems:
            name = problem.pointer.rpartition("/")[2]
            name = {"width": "width_px", "height": "height_px"}.get(name, name)
            self.form.add_error(name if name in self.form.fields else None, problem.message)

    def saved_address(self, post: Post) -> str:
        """Return this page; or the page of the post, if the row got another number."""
        is_there = self.row_model.objects.filter(pk=self.row.pk, post=post).exists()
        return self.request.path if is_there else super().saved_address(post)


class ImagePage(_RowPage):
    """One image: its picture, its fields, and what the checks found."""

    template = "posts/row/change_form"
    model = ImageSource
    row_model = ImageSource
    form_class = OneImageForm
    key = "image_sources"
    name = "image"

    def initial(self, part: Any) -> dict[str, Any]:
        values = {name: part.get(name, "") for name in ("source", "licence", "caption", "alt", "url")}
        return values | {"width_px": part.get("width"), "height_px": part.get("height")}

    def more(self, post: Post) -> dict[str, Any]:
        number = self.row.position
        found, _ = results_of(post.head_revision)
        picture = ImageRow(self.form, number)
        picture_of(picture, self.row.url, is_placed=number in placed_images(post.intro, post.body))
        picture.findings = findings_of_image(found, number)
        return {"picture": picture, "host": self.row.host}


class PointPage(_RowPage):
    """One checklist item."""

    template = "posts/row/change_form"
    model = ChecklistItem
    row_model = ChecklistItem
    form_class = OnePointForm
    key = "checklist"
    name = "checklist item"

    def initial(self, part: Any) -> dict[str, Any]:
        return {"text": part}
