"""The images and the checklist items of all posts: lists with search and filters, and changes of many at once."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from posts.admin.choices import offers
from posts.admin.people import person_of
from posts.admin.posts.row_pages import ImagePage, PointPage, row_address
from posts.admin.records import ReadOnlyAdmin
from posts.admin.review.queue import begun
from posts.listing.image_stats import ImageStats, image_stats
from posts.models import BulkRun, ChecklistItem, ImageSource, Post
from posts.models.post import search_key
from posts.operations import Refused, begin_edit
from posts.operations.edit_parts import MAX_HOST, MAX_LICENCE, MAX_POINT
from posts.rendering.images import host_of

MISSING = "-"


def _stats(request: HttpRequest) -> ImageStats:
    """Return the ImageStats for the filters of one page."""
    if not hasattr(request, "image_stats"):
        request.image_stats = image_stats()  # type: ignore[attr-defined]  # a request takes any attribute
    found: ImageStats = request.image_stats  # type: ignore[attr-defined]
    return found


class _CountedFilter(admin.SimpleListFilter):
    """Choices with the number of images of each."""

    def choices_of(self, stats: ImageStats) -> list[tuple[str, str]]:
        """Return (value, words)."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        choices = self.choices_of(_stats(request))
        chosen = self.value_of(request)
        # Also one that is not among the most frequent.
        known = dict(choices)
        return choices if not chosen or chosen in known else [(chosen, chosen), *choices]

    def value_of(self, request: HttpRequest) -> str:
        """Return the chosen value."""
        return request.GET.get(str(self.parameter_name), "")


class HostFilter(_CountedFilter):
    title = "host"
    parameter_name = "host"

    def choices_of(self, stats: ImageStats) -> list[tuple[str, str]]:
        return [(host, f"{host} ({count:,})") for host, count in stats.hosts]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(host=self.value()) if self.value() else queryset


class LicenceFilter(_CountedFilter):
    title = "licence"
    parameter_name = "licence"

    def choices_of(self, stats: ImageStats) -> list[tuple[str, str]]:
        return [(MISSING, "missing"), *((licence, f"{licence} ({count:,})") for licence, count in stats.licences)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(licence="" if self.value() == MISSING else self.value())


class AltFilter(_CountedFilter):
    title = "alt text"
    parameter_name = "alt"

    def choices_of(self, stats: ImageStats) -> list[tuple[str, str]]:
        return [(MISSING, f"missing ({stats.without_alt:,})"), ("given", "given")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == MISSING:
            return queryset.filter(alt="")
        return queryset.exclude(alt="") if self.value() else queryset


def _beginning_with(rows: QuerySet[Any], name: str, text: str) -> QuerySet[Any]:
    """Filter to rows whose column `name`, a search_key, begins with `text`; by an index on both engines."""
    key = search_key(text)
    found = rows.filter(**{f"{name}__startswith": key})
    if connection.vendor == "sqlite":
        # LIKE can't use the index there; the range can, and compares bytes.
        found = found.filter(**{f"{name}__gte": key, f"{name}__lt": key + "\U0010ffff"})
    return found


class _RowAdmin(ReadOnlyAdmin):
    """Rows of posts. A change of one is a change of its post, and makes a revision."""

    list_select_related: ClassVar[Any] = ["post"]
    ordering = ["-pk"]
    show_facets = admin.ShowFacets.NEVER
    page: ClassVar[Any]
    # Columns with a search_key, in which the beginning of a text is searched.
    key_columns: ClassVar[tuple[str, ...]] = ()

    def has_edit_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may change posts, for the actions on selected rows."""
        return request.user.has_perm("posts.change_post")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Return the page of one row."""
        if object_id is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        return self.page.as_view()(request, object_id=object_id)

    def history_view(
        self, request: HttpRequest, object_id: str | None, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the page of the row; its history is that of its post."""
        return HttpResponseRedirect(row_address(self.model, object_id))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by index, in the first of these that finds something: whole values, the beginning of texts, posts."""
        term = search_term.strip()
        if not term:
            return queryset, False
        for found in self.searches(queryset, term):
            if found.exists():
                return found, False
        posts = _beginning_with(Post.objects.order_by(), "title_key", term)
        return queryset.filter(post__in=posts.values("pk")), False

    def searches(self, rows: QuerySet[Any], term: str) -> list[QuerySet[Any]]:
        """Return the searches for a term, the most exact first."""
        by_post = [rows.filter(**{f"post__{name}": term}) for name in ("slug", "source_id", "reference")]
        return [*by_post, *(_beginning_with(rows, name, term) for name in self.key_columns)]

    # Changes of many rows

    def _ask(self, request: HttpRequest, queryset: QuerySet[Any], act: str) -> HttpResponse | None:
        """Ask what to write into the selected rows; then lead to the preview of what each post gets."""
        form = FORMS[act](request.POST if "preview" in request.POST else None)
        if form.is_bound and form.is_valid():
            query = request.GET.urlencode()[:1000]
            try:
                run = begin_edit(act, form.cleaned_data, by=person_of(request), rows=queryset, query=query)
                return HttpResponseRedirect(begun(run, by=person_of(request)))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": TITLES[act],
            "form": form,
            "selected": request.POST.getlist("_selected_action"),
            "takes_all": request.POST.get("select_across") == "1",
            "action": request.POST.get("action", ""),
            "address": request.get_full_path(),
            "list_address": reverse(f"admin:posts_{self.opts.model_name}_changelist"),
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/posts/row/bulk.html", context, status=status)


class _EditForm(forms.Form):
    """What a change of many rows writes."""

    submits = forms.BooleanField(label="Submit the new revisions for review", required=False, initial=True)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        self.order_fields([name for name in self.fields if name != "submits"])


class LicenceForm(_EditForm):
    licence = forms.CharField(
        max_length=MAX_LICENCE,
        required=False,
        widget=offers("licence"),
        help_text="For example CC BY 4.0. Leave it empty to remove licences.",
    )


class HostForm(_EditForm):
    old = forms.CharField(label="Host to replace", max_length=MAX_HOST, help_text="Only images on this host change.")
    new = forms.CharField(label="New host", max_length=MAX_HOST, help_text="The rest of each address stays as it is.")


class PointForm(_EditForm):
    text = forms.CharField(
        label="New text", max_length=MAX_POINT, help_text="It replaces the text of every selected item."
    )


FORMS: dict[str, type[_EditForm]] = {
    BulkRun.Act.LICENCE: LicenceForm,
    BulkRun.Act.HOST: HostForm,
    BulkRun.Act.POINT: PointForm,
}
TITLES: dict[str, str] = {
    BulkRun.Act.LICENCE: "Set the licence of images",
    BulkRun.Act.HOST: "Replace the host of images",
    BulkRun.Act.POINT: "Replace checklist items",
}


@admin.register(ImageSource)
class ImageAdmin(_RowAdmin):
    """All images of working copies."""

    page = ImagePage
    list_display = ["image", "host_shown", "licence_shown", "alt_shown", "post_link"]
    list_display_links = None
    list_filter = [HostFilter, LicenceFilter, AltFilter]
    search_fields = ["caption_key"]
    search_help_text = "Enter a host, a licence, the beginning of a caption, or a post"
    key_columns = ("caption_key",)
    actions = ["set_licence", "replace_host"]

    def searches(self, rows: QuerySet[Any], term: str) -> list[QuerySet[Any]]:
        """Add hosts, also as a part of an address, and licences."""
        host = host_of(term) or term
        return [rows.filter(host=host.casefold()), rows.filter(licence=term), *super().searches(rows, term)]

    @admin.display(description="Image")
    def image(self, image: ImageSource) -> SafeString:
        return format_html(
            '<a class="row-title" href="{}" dir="auto">{}</a><span class="quiet wrap">{}</span>',
            row_address(ImageSource, image.pk),
            Truncator(image.caption or f"Image {image.position}").chars(120),
            Truncator(image.url).chars(120),
        )

    @admin.display(description="Host")
    def host_shown(self, image: ImageSource) -> str:
        return host_of(image.url) or "–"

    @admin.display(description="Licence")
    def licence_shown(self, image: ImageSource) -> SafeString | str:
        return image.licence or _missing()

    @admin.display(description="Alt text")
    def alt_shown(self, image: ImageSource) -> SafeString | str:
        return Truncator(image.alt).chars(120) or _missing()

    @admin.action(description="Set the licence…", permissions=["edit"])
    def set_licence(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask(request, queryset, BulkRun.Act.LICENCE)

    @admin.action(description="Replace the host…", permissions=["edit"])
    def replace_host(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask(request, queryset, BulkRun.Act.HOST)


@admin.register(ChecklistItem)
class ChecklistItemAdmin(_RowAdmin):
    """All checklist items of working copies."""

    page = PointPage
    list_display = ["item", "position", "post_link"]
    list_display_links = None
    search_fields = ["text_key"]
    search_help_text = "Enter the beginning of an item, or a post"
    key_columns = ("text_key",)
    actions = ["replace_text"]

    @admin.display(description="Checklist item")
    def item(self, item: ChecklistItem) -> SafeString:
        return format_html(
            '<a class="row-title" href="{}" dir="auto">{}</a>',
            row_address(ChecklistItem, item.pk),
            Truncator(item.text).chars(200),
        )

    @admin.action(description="Replace the text…", permissions=["edit"])
    def replace_text(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask(request, queryset, BulkRun.Act.POINT)


def _missing() -> SafeString:
    return format_html('<span class="flag-state"><span aria-hidden="true">{}</span> missing</span>', "!")
