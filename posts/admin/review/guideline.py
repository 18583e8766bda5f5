"""The review guideline in the admin: its points with their statistics, its versions, and the form for a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.urls import reverse

from posts.admin.lists import number_in
from posts.admin.pages import AdminPage
from posts.admin.posts.record_form import OrderedRows
from posts.admin.review.answers import MOST_NUMBER
from posts.admin.trail import queue_trail, step
from posts.models import GuidelinePoint, Post, Review, ReviewGuideline
from posts.operations import PointDraft, Refused, save_guideline
from posts.operations.guideline import MOST_POINTS
from posts.review_queue.counts import FEW_COUNTED, capped_counts, said_count
from posts.review_queue.guideline_stats import NEWEST, PointStats, guideline_stats

VERSIONS_SHOWN = 50


@dataclass(frozen=True)
class PointRow:
    """A point with its statistics."""

    point: GuidelinePoint
    stats: PointStats


def newest_version() -> ReviewGuideline | None:
    """Return the newest version, or None."""
    return ReviewGuideline.objects.select_related("made_by").order_by("-number").first()


class GuidelinePage(AdminPage):
    """The newest version with statistics for each point, and the list of versions."""

    http_method_names = ["get", "head"]
    permissions = ("view_reviewguideline",)
    title = "Review guideline"
    template = "guideline/guideline"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        newest, stats = newest_version(), guideline_stats()
        points = newest.points.order_by("position") if newest else GuidelinePoint.objects.none()
        rows = [PointRow(point, stats.of(point.key)) for point in points]
        (older,) = capped_counts([Post.objects.approved_under_older_guideline()], limit=FEW_COUNTED)
        return self.render(
            trail=queue_trail(self.title),
            newest=newest,
            rows=rows,
            decisions=stats.decisions,
            is_capped=stats.decisions == NEWEST,
            never_failed=[row for row in rows if row.stats.never_failed],
            versions=list(ReviewGuideline.objects.select_related("made_by")[:VERSIONS_SHOWN]),
            older=said_count(older, limit=FEW_COUNTED),
            may_change=self.person.has_perm("posts.change_reviewguideline"),
        )


class VersionPage(AdminPage):
    """One version, as decisions were made under it."""

    http_method_names = ["get", "head"]
    permissions = ("view_reviewguideline",)
    template = "guideline/version"

    def find(self, number: int) -> ReviewGuideline:
        found = number_in(number, most=MOST_NUMBER)
        version = ReviewGuideline.objects.select_related("made_by").filter(number=found).first() if found else None
        if version is None:
            raise Http404("The review guideline has no version with this number.")
        return version

    def page(self, version: ReviewGuideline, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(
            title=str(version),
            trail=queue_trail(f"Version {version.number}", step("Review guideline", "guideline")),
            version=version,
            points=version.points.order_by("position"),
        )


class CheckBoxes(forms.CheckboxSelectMultiple):
    """Check boxes as a group with a name of its own."""

    parts = True


class PointForm(forms.Form):
    """One point."""

    key = forms.CharField(required=False, widget=forms.HiddenInput)
    position = forms.IntegerField(label="Order", required=False, min_value=1, max_value=999)
    text = forms.CharField(
        label="Point", required=False, max_length=300, widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text="A statement that is true of a good article.",
    )  # fmt: skip
    help_text = forms.CharField(
        label="Help", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"})
    )
    is_required = forms.BooleanField(label="Required", required=False)
    reason_code = forms.ChoiceField(
        label="Reason, if it is not met", required=False, choices=Review.ReasonCode, initial=Review.ReasonCode.FACTS
    )
    kinds = forms.MultipleChoiceField(label="Only for", required=False, choices=GuidelinePoint.Kind, widget=CheckBoxes)
    stacks = forms.CharField(
        label="Only for these stacks", required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One per line. Leave this empty for all.",
    )  # fmt: skip
    generators = forms.CharField(
        label="Only for these generators", required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One per line. Leave this empty for all.",
    )  # fmt: skip

    def is_empty(self) -> bool:
        """Return whether nothing was typed into the row."""
        return not (self.cleaned_data.get("text") or self.cleaned_data.get("key"))

    def draft(self) -> PointDraft:
        """Return the point."""
        data = self.cleaned_data
        return PointDraft(
            text=data["text"],
            reason_code=data["reason_code"],
            key=data["key"],
            help_text=data["help_text"],
            is_required=data["is_required"],
            stacks=data["stacks"].splitlines(),
            kinds=data["kinds"],
            generators=data["generators"].splitlines(),
        )


PointFormSet: Any = forms.formset_factory(
    PointForm, formset=OrderedRows, extra=2, can_delete=True, can_delete_extra=False, max_num=MOST_POINTS + 2
)


def _initial(points: Sequence[GuidelinePoint]) -> list[dict[str, Any]]:
    names = ("key", "position", "text", "help_text", "is_required", "reason_code", "kinds")
    return [
        {name: getattr(point, name) for name in names}
        | {"stacks": "\n".join(point.stacks), "generators": "\n".join(point.generators)}
        for point in points
    ]


class ChangePage(AdminPage):
    """The form that makes a new version of the newest one."""

    permissions = ("view_reviewguideline", "change_reviewguideline")
    title = "Change the review guideline"
    template = "guideline/change"
    typed: OrderedRows | None = None

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page, with what was typed if it was refused."""
        newest = newest_version()
        return self.render(
            status=status,
            trail=queue_trail("Change", step("Review guideline", "guideline")),
            newest=newest,
            rows=self.typed or self._rows(newest),
            why=self.request.POST.get("why", ""),
        )

    def _rows(self, newest: ReviewGuideline | None, data: Any = None) -> OrderedRows:
        points = list(newest.points.order_by("position")) if newest else []
        rows: OrderedRows = PointFormSet(data, initial=_initial(points), prefix="points")
        return rows

    def act(self, subject: None) -> str:
        sent = self.request.POST
        rows = self.typed = self._rows(newest_version(), sent)
        if not rows.is_valid():
            raise Refused("Correct the marked fields.")
        read = number_in(sent.get("read", ""), most=MOST_NUMBER)
        drafts = [form.draft() for form in rows.kept_forms()]
        made = save_guideline(drafts, by=self.person, read=read or 0, why=sent.get("why", ""))
        return (
            f"Saved as version {made.number}. Forms opened in the last 24 hours still count, unless they lack a new "
            "required point. No earlier decision changes."
        )

    def next_address(self, subject: None) -> str:
        """Return the page of the guideline."""
        return reverse("admin:guideline")


PAGES = [
    ("guideline/", GuidelinePage, "guideline"),
    ("guideline/change/", ChangePage, "guideline_change"),
    ("guideline/<int:number>/", VersionPage, "guideline_version"),
]
