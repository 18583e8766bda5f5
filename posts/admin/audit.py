"""The audit trail in the admin: a list with filters and a download."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posts.admin.csv_lists import CSVList
from posts.admin.people import person_of
from posts.admin.records import ReadOnlyAdmin
from posts.audit.chain import chain_state
from posts.models import AuditEntry, AuditSeal
from posts.models.audit_entry import ACCOUNT_ACTIONS, AuditQuerySet, words_of_action


class ActionFilter(admin.SimpleListFilter):
    title = "what was done"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        """Return the actions with entries that this person may see."""
        hidden = () if request.user.has_perm("posts.export_posts") else ACCOUNT_ACTIONS
        return [(action, words_of_action(action)) for action in AuditEntry.objects.actions() if action not in hidden]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class SuperuserFilter(admin.SimpleListFilter):
    """Filters to what superusers did."""

    title = "as superuser"
    parameter_name = "superuser"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "by superusers")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(as_superuser=True) if self.value() == "yes" else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(CSVList, ReadOnlyAdmin):
    list_title = "Audit trail"
    change_list_template = "admin/posts/audit_list.html"
    list_display = ["made_at", "what", "post_link", "who", "detail_in_words", "short_fingerprint"]
    list_filter = [ActionFilter, SuperuserFilter]
    fields = ["what", "post_link", "revision_link", "fingerprint", "fingerprint_before", "detail_in_words", "who",
              "made_at", "request_id"]  # fmt: skip
    readonly_fields = ["what", "post_link", "revision_link", "detail_in_words", "who"]
    list_select_related = ["post", "made_by"]
    ordering = ["-pk"]
    csv_columns = (
        ("When (UTC)", "made_at"),
        ("What", "action"),
        ("Who", "made_by__username"),
        ("As superuser", "as_superuser"),
        ("Source id", "post__source_id"),
        ("Version", "revision__version"),
        ("Fingerprint", "fingerprint"),
        ("Fingerprint before", "fingerprint_before"),
        ("Detail", "detail"),
        ("Request", "request_id"),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add up to where the trail is sealed, and what the last verification said."""
        state = chain_state()
        seal = AuditSeal.objects.filter(sequence=state.last_sequence).first() if state else None
        return super().changelist_view(request, {"chain": state, "last_seal": seal, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return the entries that this person may see, for the list, the download and each page."""
        entries = super().get_queryset(request)
        return cast(AuditQuerySet, entries).visible_to(person_of(request))

    @admin.display(description="Action")
    def what(self, entry: AuditEntry) -> str:
        return entry.what

    @admin.display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        return entry.who

    @admin.display(description="Detail")
    def detail_in_words(self, entry: AuditEntry) -> str:
        return entry.detail_in_words or "–"

    @admin.display(description="Revision")
    def revision_link(self, entry: AuditEntry) -> SafeString | str:
        if entry.revision is None:
            return "–"
        address = reverse("admin:posts_revision_change", args=[entry.revision_id])
        return format_html('<a href="{}">{}</a>', address, entry.revision.version)

    @admin.display(description="Fingerprint")
    def short_fingerprint(self, entry: AuditEntry) -> str:
        return entry.fingerprint[:12] or "–"
