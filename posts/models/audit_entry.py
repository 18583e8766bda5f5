from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.post import Post
from posts.models.revision import Revision


class AuditEntry(models.Model):
    """Who did what to a post, when, and about which text. Entries are only ever added."""

    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="audit_entries")
    revision = models.ForeignKey(Revision, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64, blank=True, db_default="")
    detail = models.TextField(blank=True, db_default="")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["post", "-id"], name="audit_of_post")]
        verbose_name_plural = "audit entries"

    def __str__(self):
        return f"{self.action} by {self.made_by or 'the import'}"
