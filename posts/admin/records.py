"""The other records in the admin: to read and filter, never to change by hand."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from posts.admin.lists import CappedPaginator, SaneLookups, status_badge
from posts.admin.posts.revision import RevisionPage
from posts.models import FormerSlug, GuidelinePoint, Post, Review, Revision
from posts.templatetags.posts import decision_badge


class ReadOnlyAdmin(SaneLookups, admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Rows that operations write and people read."""

    show_full_result_count = False
    paginator = CappedPaginator
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # Only pages: "Show all" would be one of thousands of rows.
    list_max_show_all = 0
    sortable_by = []
    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return rows without the long texts that a list does not show, and of their posts only the titles."""
        rows = super().get_queryset(request)
        is_list = request.resolver_match and (request.resolver_match.url_name or "").endswith("_changelist")
        return rows.defer(*self.deferred, *self._unshown) if is_list else rows

    deferred: Sequence[str] = ()

    @cached_property
    def _unshown(self) -> list[str]:
        """Paths from a row to the columns of its post that no list shows: a post is wide, and a list has fifty."""
        related = cast(Sequence[str], self.list_select_related or ())
        paths = [path for path in related if path.rpartition("__")[2] == "post"]
        unshown = [field.name for field in Post._meta.concrete_fields if field.name not in ("id", "title")]
        return [f"{path}__{name}" for path in paths for name in unshown]

    @admin.display(description="Post")
    def post_link(self, row: Any) -> str:
        """Return a link to the admin page of the row's post."""
        post = getattr(row, "post", None) or getattr(getattr(row, "revision", None), "post", None)
        if post is None:
            return "–"
        return format_html(
            '<a href="{}" dir="auto">{}</a>', reverse("admin:posts_post_change", args=[post.pk]), post.title
        )


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ["version", "post_link", "badge", "author", "batch", "created_at"]
    list_filter = ["status"]
    list_select_related = ["post", "author", "batch"]
    ordering = ["-pk"]
    deferred = ("snapshot",)

    @admin.display(description="Status")
    def badge(self, revision: Revision) -> SafeString:
        return status_badge(revision)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Return the page of one revision."""
        if object_id is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        return RevisionPage.as_view()(request, object_id=object_id)


class BulkFilter(admin.SimpleListFilter):
    title = "kind of decision"
    parameter_name = "bulk"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "individual"), ("yes", "in bulk")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(is_bulk=self.value() == "yes") if self.value() else queryset


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ["decided", "post_link", "version", "reason_code", "comment_shown", "guideline_shown", "reviewer",
                    "created_at"]  # fmt: skip
    list_filter = ["outcome", BulkFilter]
    list_select_related = ["revision__post", "reviewer"]
    ordering = ["-pk"]
    deferred = ("revision__snapshot",)
    # Without way_back, which undo reads and people don't need.
    fields: ClassVar[Any] = (
        "decided post_link version fingerprint reason_code comment guideline_shown answers_shown confirmed "
        "own_text_reason is_own_text reviewer created_at seconds_spent revoked_at revoked_by undone_at undone_by"
    ).split()
    readonly_fields = ["decided", "post_link", "version", "guideline_shown", "answers_shown", "confirmed"]

    @admin.display(description="Decision")
    def decided(self, review: Review) -> SafeString:
        """Return the outcome, and whether it was one of many and still stands."""
        words = [word for word, is_so in (
            ("in bulk", review.is_bulk), ("undone", review.undone_at), ("revoked", review.revoked_at)
        ) if is_so]  # fmt: skip
        return format_html('{} <span class="quiet">{}</span>', decision_badge(review), ", ".join(words))

    @admin.display(description="Comment")
    def comment_shown(self, review: Review) -> str:
        return Truncator(review.comment).chars(160) or "–"

    @admin.display(description="Review guideline")
    def guideline_shown(self, review: Review) -> str:
        return review.guideline_words

    @admin.display(description="Answers")
    def answers_shown(self, review: Review) -> SafeString:
        """Return each point of the version with its answer."""
        points = GuidelinePoint.objects.filter(guideline=review.guideline_id).order_by("position")
        words = dict(Review.Answer.choices)
        rows = [(point.text, words[review.answers[point.key]]) for point in points if point.key in review.answers]
        return format_html_join("", "{} <strong>{}</strong><br>", rows or [("–", "")])

    @admin.display(description="Checklist of the post, confirmed")
    def confirmed(self, review: Review) -> str:
        """Return the items of the post's checklist that the reviewer confirmed, before the guideline existed."""
        return "; ".join(review.ticks) or "–"

    @admin.display(description="Version")
    def version(self, review: Review) -> SafeString:
        address = reverse("admin:posts_revision_change", args=[review.revision_id])
        return format_html('<a href="{}">{}</a>', address, review.revision.version)


@admin.register(FormerSlug)
class FormerSlugAdmin(ReadOnlyAdmin):
    list_display = ["slug", "post_link", "left_at"]
    list_select_related = ["post"]
    ordering = ["-pk"]
