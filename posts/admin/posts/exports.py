"""Actions that export the selected posts as a file."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from posts.admin.people import person_of
from posts.export.records import json_lines, posts_as_csv
from posts.operations.frame import note, operating


class ExportActions:
    """For the admin of posts: add EXPORT_ACTIONS to its `actions`. Works for any selection, also “all that match”."""

    EXPORT_ACTIONS = ["export_csv", "export_json_lines"]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("posts.export_posts")

    @admin.action(description="Export as CSV", permissions=["export"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
        return self._file(request, queryset, posts_as_csv, "posts.csv", "text/csv; charset=utf-8")

    @admin.action(description="Export as JSON Lines", permissions=["export"])
    def export_json_lines(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
        return self._file(request, queryset, json_lines, "posts.jsonl", "application/jsonl")

    def _file(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        lines: Callable[[QuerySet[Any]], Iterable[str | bytes]],
        name: str,
        content_type: str,
    ) -> HttpResponseBase:
        # A list defers columns that an export needs.
        posts = queryset.model.objects.filter(pk__in=queryset.order_by().values("pk"))
        with operating():
            note("posts exported", by=person_of(request), detail=name)
        response = StreamingHttpResponse(lines(posts), content_type=content_type)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
