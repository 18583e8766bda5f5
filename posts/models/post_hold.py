from django.conf import settings
from django.db import models
from django.db.models import F, Q

from posts.models.import_batch import ImportBatch
from posts.models.post import Post


class HoldReason(models.TextChoices):
    """Why a text came in held."""

    DRAFT = "draft", "Draft"
    UNPUBLISHED = "unpublished", "Not published"
    SCHEDULED = "scheduled", "Future date"
    EXPIRED = "expired", "Expired"
    PRIVATE = "private", "Private"
    MEMBERS = "members", "For members or paying readers"
    NOT_RENDERED = "not_rendered", "Not rendered at its source"
    HIDDEN = "hidden", "Hidden"
    PASSWORD = "password", "Password-protected"
    UNKNOWN = "unknown", "Unknown value"
    UNREAD = "unread", "Unread front matter"
    PAUSED = "paused", "Generator is paused"
    NOT_RECORDED = "not_recorded", "Not recorded"

    @classmethod
    def not_of_a_value(cls) -> "tuple[HoldReason, ...]":
        """Return the reasons that no value of a key means."""
        return (cls.UNKNOWN, cls.UNREAD, cls.PAUSED, cls.NOT_RECORDED)


class PostHold(models.Model):
    """One reason why a post came in held, as its source said it.

    Only `Post.held` decides. A held post without rows came in before reasons were recorded. A lifted reason stays, so
    that the next import doesn't hold the post again.
    """

    post = models.ForeignKey(Post, models.CASCADE, related_name="holds", db_index=False)
    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="+", db_index=False)
    reason = models.CharField(max_length=20, choices=HoldReason)
    detail = models.CharField(max_length=200, blank=True, default="", db_default="")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["post", "reason"], name="post_hold_once"),
            models.CheckConstraint(condition=Q(lifted_by=None) | Q(lifted_at__isnull=False), name="post_hold_lifted"),
        ]
        indexes = [models.Index(F("batch"), F("reason"), F("id"), condition=Q(lifted_at=None), name="post_hold_open")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.detail})" if self.detail else self.get_reason_display()
