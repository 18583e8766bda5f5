from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from posts.retention import kept

# Longer than unsaved text is kept, which may name a picture that no revision has yet.


class UploadedPictureQuerySet(models.QuerySet["UploadedPicture"]):
    """Which pictures may go."""

    def unused(self, now: datetime) -> "UploadedPictureQuerySet":
        """Return those that no revision ever had, uploaded long ago."""
        return self.filter(is_used=False, uploaded_at__lt=now - kept("unused-pictures"))


class UploadedPicture(models.Model):
    """A picture that a person uploaded. Its file is in the storage of MEDIA_STORAGE under the same name."""

    name = models.CharField(max_length=80, primary_key=True, help_text="The digest of its content, with its format.")
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    frames = models.PositiveSmallIntegerField(default=1, db_default=1)
    size_bytes = models.PositiveIntegerField()
    is_used = models.BooleanField(default=False, db_default=False, help_text="A revision has had it: it stays.")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    uploaded_at = models.DateTimeField(default=timezone.now)

    objects = UploadedPictureQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["uploaded_at"], condition=models.Q(is_used=False), name="uploaded_unused"),
            models.Index(fields=["uploaded_by", "uploaded_at"], name="uploaded_by_person"),
        ]

    def __str__(self) -> str:
        return self.name
