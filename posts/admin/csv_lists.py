from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from posts.admin.lists import Mixin
from posts.admin.people import person_of
from posts.export.csv import csv_lines
from posts.export.records import read_rows
from posts.operations.frame import note, operating


class CSVList(Mixin):
    """Adds `csv/` to a ModelAdmin: a streamed download of the filtered list. `csv_columns`: [(heading, lookup)]."""

    csv_columns: Sequence[tuple[str, str]] = ()
    change_list_template: ClassVar[Any] = "admin/posts/csv_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the download."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_csv"
        return [path("csv/", self.admin_site.admin_view(self.csv_view), name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the address of the download for the current filters."""
        if self.has_export_permission(request):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_csv"
            extra_context = {"csv_url_name": name, **(extra_context or {})}
        return super().changelist_view(request, extra_context)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may download what the list shows."""
        return request.user.has_perm("posts.export_posts")

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the filtered rows as CSV, oldest first, so that later downloads only grow."""
        if not (self.has_view_permission(request) and self.has_export_permission(request)):
            raise PermissionDenied
        try:
            matched = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest(
                "The filters in this address are not valid. Go back to the list and choose them again."
            )
        columns = [lookup for _, lookup in self.csv_columns]
        rows = read_rows(matched, columns)
        detail = f"{self.opts.verbose_name_plural}: {request.GET.urlencode()}"
        with operating():
            note("exported", by=person_of(request), detail=detail[:500])
        lines = csv_lines([heading for heading, _ in self.csv_columns], rows)
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}.csv"'
        return response
