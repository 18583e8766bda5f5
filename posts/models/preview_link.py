from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from posts.models.post import Post
from posts.models.revision import Revision


class PreviewLink(models.Model):
    """A secret address that shows exactly one text of a post to people without an account, until it ends.

    The address consists of `selector`, which finds the row, and a secret, of which only a hash is stored.
    """

    post = models.ForeignKey(Post, models.CASCADE, related_name="preview_links")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="+")
    selector = models.CharField(max_length=32, unique=True)
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret.")
    purpose = models.CharField(max_length=200, blank=True, db_default="")
    asks = models.BooleanField(default=False, db_default=False, help_text="Whether it asks for an answer.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="preview_link_revoked_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"Preview link {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it still shows its text, as far as the link itself says."""
        return self.revoked_at is None and self.expires_at > timezone.now()

    @property
    def state(self) -> str:
        """What became of it, in a word."""
        if self.revoked_at:
            return "revoked"
        return "open" if self.is_open else "expired"


class PreviewAnswer(models.Model):
    """What somebody with a preview link said about its text: evidence beside a decision, never one itself."""

    link = models.ForeignKey(PreviewLink, models.CASCADE, related_name="answers")
    agrees = models.BooleanField()
    name = models.CharField(max_length=100)
    words = models.TextField(blank=True, db_default="")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        said = "agrees" if self.agrees else "objects"
        return f"{self.name} {said}: {self.words}" if self.words else f"{self.name} {said}"
