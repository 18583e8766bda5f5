from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.post import Post
from posts.models.release import Release
from posts.models.revision import Revision


class ScheduledRelease(models.Model):
    """A planned release or withdrawal. A refused plan stays in the log."""

    class Kind(models.TextChoices):
        RELEASE = "release", "Release"
        WITHDRAW = "withdraw", "Withdraw"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    post = models.ForeignKey(Post, models.CASCADE, related_name="scheduled_releases")
    kind = models.CharField("what", max_length=10, choices=Kind)
    revision = models.ForeignKey(Revision, models.PROTECT, null=True, related_name="+")
    due_at = models.DateTimeField()
    zone = models.CharField(max_length=64, help_text="The time zone in which the time was entered and is shown.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, db_default=State.WAITING)
    refusal = models.TextField("why it was refused", blank=True, default="", db_default="")
    ends_withdrawal = models.BooleanField(
        default=False, db_default=False, help_text="The post was withdrawn when this was planned."
    )
    despite_rollback = models.BooleanField(
        default=False, db_default=False, help_text="Who planned this knew that the import of the text was rolled back."
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    expected_result = models.TextField(blank=True, default="", db_default="")
    rollback_note = models.TextField(blank=True, default="", db_default="")
    why = models.CharField(max_length=500, blank=True, default="", db_default="")
    after = models.ForeignKey(
        Release, models.PROTECT, null=True, related_name="+", help_text="The last release when this was planned."
    )
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name="planned by", related_name="+")
    made_at = models.DateTimeField("planned", db_default=Now())
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    settled_at = models.DateTimeField("settled", null=True)
    release = models.OneToOneField(Release, models.PROTECT, null=True, related_name="plan")

    class Meta:
        verbose_name = "planned release"
        ordering = ["-due_at", "-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["due_at", "id"], condition=Q(state="waiting"), name="plan_due")]
        constraints = [
            models.UniqueConstraint(fields=["post", "kind"], condition=Q(state="waiting"), name="plan_waiting_once"),
            models.CheckConstraint(
                condition=Q(kind="withdraw", revision__isnull=True) | Q(kind="release", revision__isnull=False),
                name="plan_names_its_text",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at__isnull=True)
                | (~Q(state="waiting") & Q(settled_at__isnull=False)),
                name="plan_settled_has_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} on {self.moment}"

    @property
    def what(self) -> str:
        """What will happen: "Release 2.2.0" or "Withdraw"."""
        return f"{self.get_kind_display()} {self.revision.version}" if self.revision else self.get_kind_display()

    @property
    def moment(self) -> str:
        """The planned time in the zone in which it was typed: "20 Nov 2026 08:00, Europe/Zagreb (UTC+01:00)"."""
        local = self.due_at.astimezone(ZoneInfo(self.zone))
        offset = f"{local:%z}"
        return f"{local.day} {local:%b %Y %H:%M}, {self.zone} (UTC{offset[:3]}:{offset[3:]})"
