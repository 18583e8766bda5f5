"""Posts in the admin. List, form, conflict page and actions each have a module of their own."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from posts.admin.lists import MAX_ID, CappedPaginator, SaneLookups, status_badge
from posts.admin.lookup import find_post
from posts.admin.pages import page_paths
from posts.admin.posts.actions import PostAction
from posts.admin.posts.edit import MergePage, PostPage
from posts.admin.posts.exports import ExportActions
from posts.admin.posts.fix_links import FixLinks
from posts.admin.posts.history import HistoryPage
from posts.admin.posts.list import DifficultyFilter, PlaceFilter, PostList, StatusFilter
from posts.admin.posts.live_preview import LivePreview
from posts.admin.posts.pictures import PictureLook, PictureUpload
from posts.admin.posts.unsaved import UnsavedTextPage
from posts.models import Post
from posts.public.views import article_context

__all__ = ["MAX_ID", "CappedPaginator", "PostAdmin", "status_badge"]


@admin.register(Post)
class PostAdmin(SaneLookups, ExportActions, PostList, admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Posts. Every change goes through an operation; nothing is deleted."""

    list_display = ["post", "review", "readers_see", "search_engines", "open_flags", "changed", "batch"]
    list_display_links = None
    list_filter = [PlaceFilter, StatusFilter, DifficultyFilter]
    list_per_page = 50
    list_select_related = ["head_revision__author", "live_revision__batch", "live_approval", "last_batch"]
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    ordering = ["-changed_at", "-pk"]
    sortable_by = []
    search_fields = ["title_key"]
    search_help_text = "Enter the beginning of the title, or the whole slug, source id or reference"
    actions = ["approve_in_bulk", "flag_selected", "submit_selected", "withdraw_selected"]
    actions += ExportActions.EXPORT_ACTIONS

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: history only grows."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add previews, the merge of two texts, unsaved text, pictures, and one address for each action on a post."""
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/preview/", view(self.preview_view), name="posts_post_preview"),
            *page_paths(
                [
                    ("add/live-preview/", LivePreview, "posts_post_add_live_preview"),
                    ("<path:object_id>/live-preview/", LivePreview, "posts_post_live_preview"),
                    ("upload/", PictureUpload, "posts_post_upload"),
                    ("picture/", PictureLook, "posts_post_picture"),
                    ("unsaved/", UnsavedTextPage, "posts_post_unsaved_new"),
                    ("<int:pk>/unsaved/", UnsavedTextPage, "posts_post_unsaved"),
                    ("<int:pk>/fix-links/", FixLinks, "posts_post_fix_links"),
                    ("<path:object_id>/merge/", MergePage, "posts_post_merge"),
                    ("<path:object_id>/do/<slug:act>/", PostAction, "posts_post_act"),
                ]
            ),
        ]
        return own + super().get_urls()

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Return the page of one post, or of a new one."""
        return PostPage.as_view()(request, object_id=object_id)

    def history_view(
        self, request: HttpRequest, object_id: str | None, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the history that operations wrote; Django's log knows nothing of them."""
        return HistoryPage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the proposed text as readers would see it; never cached or indexed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        post = find_post(object_id)
        context = article_context(post, post.head_revision, is_preview=True)
        response = TemplateResponse(request, "posts/detail.html", context)
        response.page_kind = "preview"  # type: ignore[attr-defined]  # a response takes any attribute
        return response
