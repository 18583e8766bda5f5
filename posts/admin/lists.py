"""What every list of the admin shares: capped counts, status badges, numbers in addresses."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst

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


# The icon and the kind of badge of each state that the lists of records show.
BADGES: dict[str, tuple[str, str]] = {
    "done": ("approved", "✓"),
    "open": ("changes-requested", "⚑"),
    "waiting": ("drafted", "○"),
    "running": ("running", "◐"),
    "stopped": ("changes-requested", "!"),
    "refused": ("rejected", "✕"),
    "undone": ("drafted", "↶"),
}


def badge(state: str, words: str) -> SafeString:
    """Return words in a box with the icon of a state (one of BADGES)."""
    kind, sign = BADGES[state]
    return format_html('<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>', kind, sign, words)


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
        # Without their order: to sort them, a database reads all of them.
        rows: Any = self.object_list
        return int(rows.order_by()[: COUNT_LIMIT + 1].count())


class IsSetFilter(admin.SimpleListFilter):
    """Filters by whether a timestamp is set, in words. Subclasses name the column and the words."""

    title = "state"
    column: ClassVar[str]
    # (if it is not set, if it is).
    words: ClassVar[tuple[str, str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(zip(("no", "yes"), self.words, strict=True))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "no"})


class PlainTitles(Mixin):
    """Names the pages of a model after what they show: a list "Releases", a page "Flag: Facts look wrong"."""

    list_title: ClassVar[str] = ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list under its own name."""
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show the page of a row under the row's own name."""
        if obj is not None:
            name = Truncator(str(obj)).chars(100)
            context |= {"title": f"{capfirst(self.opts.verbose_name)}: {name}", "subtitle": None}
        context["list_title"] = self.list_title or capfirst(self.opts.verbose_name_plural)
        return super().render_change_form(request, context, add, change, form_url, obj)


class SaneLookups(PlainTitles):
    """Allows filters of an address by column, but not by pattern.

    An invalid pattern is a database error, and a malicious one keeps the database busy for minutes.
    """

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Return False for patterns; Django then answers 400."""
        return not lookup.endswith(("__regex", "__iregex")) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Refuse a NUL in the address with 400: PostgreSQL can't even search for it."""
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains a NUL character.")
        for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
            self._require_key(selected)
        return super().changelist_view(request, extra_context)

    def _require_key(self, selected: str) -> None:
        """Refuse with 400 what can't be the primary key of a selected row; databases answer it with an error."""
        try:
            key = self.opts.pk.to_python(selected)
        except ValidationError:
            key = None
        if key is None or (isinstance(key, int) and not 0 <= key <= MAX_ID):
            raise BadRequest("A selected row has a number that can’t be one.")
