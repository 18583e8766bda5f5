from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.post import Post
from posts.models.review import Review
from posts.models.revision import Revision


class Remark(models.Model):
    """What a reviewer says about one passage of a revision. It is part of no record and of no public page."""

    class Closing(models.TextChoices):
        RESOLVED = "resolved", "Resolved"
        ACCEPTED = "accepted", "Suggestion accepted"

    post = models.ForeignKey(Post, models.CASCADE, related_name="remarks")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="remarks")
    fingerprint = models.CharField(max_length=64)
    anchor = OrderedJSONField(help_text="The passage, as posts.diff.anchors.Anchor describes it.")
    reason_code = models.CharField(max_length=20, choices=Review.ReasonCode, blank=True, db_default="")
    comment = models.TextField(blank=True, db_default="")
    suggestion = models.TextField(null=True, help_text="What to write instead; empty text deletes the passage.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    closing = models.CharField(max_length=20, choices=Closing, blank=True, db_default="")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["post"], condition=Q(closed_at__isnull=True), name="remark_open")]
        constraints = [
            models.CheckConstraint(condition=Q(fingerprint__length=64), name="remark_has_fingerprint"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closing="") | (Q(closed_at__isnull=False) & ~Q(closing="")),
                name="remark_says_how_it_closed",
            ),
        ]

    def __str__(self) -> str:
        return self.comment or "A suggestion"


class RemarkReply(models.Model):
    """An answer to a remark."""

    remark = models.ForeignKey(Remark, models.CASCADE, related_name="replies")
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.text
