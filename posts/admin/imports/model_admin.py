"""The lists of imports and of their rows."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.safestring import SafeString

from posts.admin.imports.actions import HoldPage, ImportActions, RollbackPage
from posts.admin.imports.new import NewImportPage
from posts.admin.imports.page import ImportPage, ImportProgress, ImportRows
from posts.admin.imports.row import IssuePage
from posts.admin.lists import badge
from posts.admin.pages import page_paths
from posts.admin.records import ReadOnlyAdmin
from posts.models import ImportBatch, ImportIssue
from posts.models.import_batch import COUNTS
from posts.records.schema import MAX_PROBLEMS, problem_sentence

State = ImportBatch.State


# The badge of each state that is not waiting.
STATES: dict[str, str] = {
    State.RUNNING: "running", State.ROLLING_BACK: "running", State.STOPPED: "stopped", State.FINISHED: "done",
    State.ROLLED_BACK: "undone",
}  # fmt: skip


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ["number", "source_name", "state_shown", "generator", "origin", *COUNTS, "started_by", "started_at"]
    list_filter = ["state", "origin", ("generator", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["started_by", "generator"]
    ordering = ["-pk"]
    deferred = ("rehearsal", "rollback", "breakdown")
    change_list_template = "admin/posts/importbatch/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": "Imports",
            "may_import": request.user.has_perm("posts.import_posts"),
            "may_see_generators": request.user.has_perm("posts.view_generator"),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add the page for a new import, and the addresses of one import."""
        return [*page_paths(PAGES), *super().get_urls()]

    @admin.display(description="Import")
    def number(self, batch: ImportBatch) -> str:
        return f"#{batch.pk}"

    @admin.display(description="State")
    def state_shown(self, batch: ImportBatch) -> SafeString:
        return badge(STATES.get(batch.state, "waiting"), batch.get_state_display())

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one import; nobody adds or changes one by hand."""
        if object_id is None or request.method == "POST":
            raise PermissionDenied
        return ImportPage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less


PAGES = [
    ("new/", NewImportPage, "posts_importbatch_new"),
    # First, because "do/roll-back" would otherwise match the page of an import called "1/do".
    ("<path:object_id>/do/<slug:act>/", ImportActions, "posts_importbatch_act"),
    ("<path:object_id>/progress/", ImportProgress, "posts_importbatch_progress"),
    ("<path:object_id>/rows/<slug:kind>/", ImportRows, "posts_importbatch_rows"),
    ("<path:object_id>/holds/<slug:reason>/", HoldPage, "posts_importbatch_hold"),
    ("<path:object_id>/roll-back/", RollbackPage, "posts_importbatch_rollback"),
]


@admin.register(ImportIssue)
class ImportIssueAdmin(ReadOnlyAdmin):
    list_display = ["line", "kind", "reason", "post_link", "batch", "resolution"]
    list_filter = ["kind", "resolution"]
    list_select_related = ["batch", "post"]
    ordering = ["-pk"]
    deferred = ("raw",)

    @admin.display(description="Why")
    def reason(self, issue: ImportIssue) -> str:
        if issue.first_line:
            return f"Repeats line {issue.first_line}."
        return " ".join(problem_sentence(pointer, message) for pointer, message in issue.problems[: MAX_PROBLEMS + 1])

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row; nobody adds one by hand."""
        if object_id is None:
            raise PermissionDenied
        return IssuePage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less
