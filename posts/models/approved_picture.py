from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.post import Post
from posts.models.review import Review


class ApprovedPicture(models.Model):
    """A picture of another host in an approved text: what it was when its copy was made, and whether it changed since.

    An approval is about one text at one time, so each approval has rows of its own.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Not loaded yet"
        KEPT = "kept", "Kept"
        REFUSED = "refused", "Refused"

    post = models.ForeignKey(Post, models.CASCADE, related_name="approved_pictures", db_index=False)
    approval = models.ForeignKey(Review, models.CASCADE, related_name="pictures", db_index=False)
    address = models.CharField(max_length=2000)
    place = models.PositiveSmallIntegerField(help_text="The number of the first image with this address, from 1.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, db_default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="SHA-256 of the file at its source."
    )
    etag = models.CharField(max_length=200, blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True, help_text="When it is loaded next: to keep it, or to see if it changed.")
    kept_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True, help_text="When its source was first seen to have another picture.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["approval", "place"], name="approved_picture_once")]
        indexes = [
            models.Index(fields=["post", "approval"], name="approved_picture_of_post"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="approved_picture_due"),
        ]

    def __str__(self) -> str:
        return self.address


class PictureCopy(models.Model):
    """A file that this site keeps of an approved picture, in one size, in the storage of MEDIA_STORAGE."""

    name = models.CharField(max_length=80, primary_key=True, help_text="The digest of its content, with its format.")
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["made_at"], name="picture_copy_age")]

    def __str__(self) -> str:
        return self.name


class PictureSize(models.Model):
    """One size in which readers get an approved picture."""

    picture = models.ForeignKey(ApprovedPicture, models.CASCADE, related_name="sizes", db_index=False)
    copy = models.ForeignKey(PictureCopy, models.PROTECT, related_name="sizes")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["picture", "copy"], name="picture_size_once")]

    def __str__(self) -> str:
        return f"{self.copy_id} of {self.picture_id}"
