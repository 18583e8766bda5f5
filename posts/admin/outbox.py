"""The messages that the site sends, in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from posts.admin.records import ReadOnlyAdmin
from posts.models import OutgoingMessage


class StateFilter(admin.SimpleListFilter):
    """Filters messages by what became of them."""

    title = "state"
    parameter_name = "state"
    _states = {"waiting": "waiting", "parked": "given up", "sent": "sent"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self._states.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "waiting":
            return queryset.filter(sent_at=None, parked_at=None)
        if self.value() == "parked":
            return queryset.exclude(parked_at=None)
        return queryset.exclude(sent_at=None) if self.value() == "sent" else queryset


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(ReadOnlyAdmin):
    list_display = ["made_at", "kind", "recipient", "subject", "state", "attempts", "last_error"]
    list_filter = [StateFilter, "kind"]
    ordering = ["-pk"]
    deferred = ("body",)
    readonly_fields = ["state"]
    fields = ["kind", "recipient", "subject", "body", "state", "made_at", "attempts", "due_at", "last_error",
              "answer_status", "answer", "sent_at", "parked_at"]  # fmt: skip

    @admin.display(description="State")
    def state(self, message: OutgoingMessage) -> str:
        return message.state
