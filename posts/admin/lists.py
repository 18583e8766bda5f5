"""What every list of the admin shares: capped counts, status badges, numbers in addresses."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from posts.models import Revision

if TYPE_CHECKING:
    # What a mixin may count on: it is mixed into a ModelAdmin.
    Mixin = admin.ModelAdmin[Any]
else:
    Mixin = object

COUNT_LIMIT = 2000
# The largest primary key that both engines take.
MAX_ID = 2**63 - 1
SIGNS: dict[str, str] = {
    Revision.Status.DRAFTED: "○",
    Revision.Status.IN_REVIEW: "◐",
    Revision.Status.CHANGES_REQUESTED: "↺",
    Revision.Status.APPROVED: "✓",
    Revision.Status.REJECTED: "✕",
    Revision.Status.SUPERSEDED: "·",
}


def status_badge(revision: Revision) -> SafeString:
    """Return the review status as an icon and a word in a box, never as a colour alone."""
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>',
        revision.status.replace("_", "-"),
        SIGNS[revision.status],
        revision.get_status_display(),
    )


def number_in(text: object, *, most: int = MAX_ID) -> int | None:
    """Return the whole number in `text` (0 to `most`, ASCII digits only), or None."""
    text = str(text)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return int(text) if is_number and int(text) <= most else None


def typed_text(request: HttpRequest, name: str, *, most: int = 500) -> str:
    """Return a text from a form, at most `most` characters, without NUL, which PostgreSQL can't store."""
    return request.POST.get(name, "").replace("\x00", "").strip()[:most]


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Counts at most COUNT_LIMIT rows: counting a million rows on every visit helps nobody."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most COUNT_LIMIT."""
        return min(self._rows_up_to_limit, COUNT_LIMIT)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than `count` says."""
        return self._rows_up_to_limit > COUNT_LIMIT

    @cached_property
    def _rows_up_to_limit(self) -> int:
        rows: Any = self.object_list[: COUNT_LIMIT + 1]
        return int(rows.count())


class SaneLookups(Mixin):
    """Allows filters of an address by column, but not by pattern.

    An invalid pattern is a database error, and a malicious one keeps the database busy for minutes.
    """

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Return False for patterns; Django then answers 400."""
        return not lookup.endswith(("__regex", "__iregex")) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list under its own name. Refuse a NUL in the address with 400: PostgreSQL can't search for it."""
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains a NUL character.")
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})
