from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.import_batch import ImportBatch
from posts.models.post import Post


class ReviewFlag(models.Model):
    """Why a person has to look at a post. Post.needs_human_review says whether a flag is open."""

    class Reason(models.TextChoices):
        STAFF = "staff", "Flagged by staff"
        SOURCE = "source", "The source asks for human review"
        RULE = "rule", "Flagged by a check"
        FACTS = "facts", "Facts look wrong"
        CODE = "code", "Code does not work"
        OUTDATED = "outdated", "Out of date"
        RIGHTS = "rights", "Rights or sources"
        HARM = "harm", "Could do harm"

    # The choices for people; programs raise the others.
    BY_PEOPLE = (Reason.STAFF, Reason.FACTS, Reason.CODE, Reason.OUTDATED, Reason.RIGHTS, Reason.HARM)

    post = models.ForeignKey(Post, models.CASCADE, related_name="review_flags")
    reason = models.CharField(max_length=20, choices=Reason)
    rule = models.CharField(
        "check", max_length=60, blank=True, default="", db_default="", help_text="Which check raised it."
    )
    note = models.CharField(max_length=500, blank=True, db_default="")
    fingerprint = models.CharField(max_length=64, help_text="The proposed revision when the flag was raised.")
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    batch = models.ForeignKey(ImportBatch, models.PROTECT, null=True, related_name="+")
    raised_at = models.DateTimeField("raised", db_default=Now())
    cleared_at = models.DateTimeField("cleared", null=True)
    cleared_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    clear_note = models.CharField("why it was cleared", max_length=500, blank=True, db_default="")

    class Meta:
        verbose_name = "flag"
        ordering = ["-raised_at", "-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["post"], condition=Q(cleared_at__isnull=True), name="flag_open")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.note}" if self.note else self.get_reason_display()
