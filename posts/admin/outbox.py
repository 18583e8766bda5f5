"""The messages that the site sends, in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from posts.admin.people import person_of
from posts.admin.records import ReadOnlyAdmin
from posts.models import OutgoingMessage
from posts.operations import Refused, send_again


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
    actions = ("send_again",)
    readonly_fields = ["state"]
    fields = ["kind", "recipient", "subject", "body", "state", "made_at", "attempts", "due_at", "last_error",
              "answer_status", "answer", "sent_at", "parked_at"]  # fmt: skip

    @admin.display(description="State")
    def state(self, message: OutgoingMessage) -> str:
        return message.state

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may send messages again: who may also run jobs."""
        return request.user.has_perm("posts.run_job")

    @admin.action(description="Send again", permissions=["run"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMessage]) -> None:
        """Try messages that were given up once more."""
        try:
            count = send_again(queryset.values_list("pk", flat=True), by=person_of(request))
        except Refused as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
        else:
            words = "1 message" if count == 1 else f"{count:,} messages"
            self.message_user(request, f"{words} will be sent again at once.")
