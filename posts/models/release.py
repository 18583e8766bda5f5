from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.post import Post
from posts.models.revision import Revision


class Release(models.Model):
    """A change of what readers see, with its owner, expected result and rollback note."""

    class Kind(models.TextChoices):
        RELEASED = "released", "Released"
        ROLLED_BACK = "rolled_back", "Rolled back"
        WITHDRAWN = "withdrawn", "Withdrawn"
        # An approval was undone: readers see what they saw before, which may be nothing released.
        UNDONE = "undone", "Undone"

    post = models.ForeignKey(Post, models.CASCADE, related_name="releases")
    kind = models.CharField("what", max_length=20, choices=Kind)
    revision = models.ForeignKey(Revision, models.PROTECT, null=True, related_name="releases")
    before = models.ForeignKey(Revision, models.PROTECT, verbose_name="instead of", null=True, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    expected_result = models.TextField(blank=True, db_default="")
    rollback_note = models.TextField(blank=True, db_default="")
    observed_result = models.TextField(blank=True, db_default="")
    why = models.CharField(max_length=500, blank=True, db_default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name="who", null=True, related_name="+"
    )
    made_at = models.DateTimeField("when", db_default=Now())

    class Meta:
        ordering = ["-made_at", "-pk"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="withdrawn", revision__isnull=True)
                | Q(kind="undone")
                | (~Q(kind="withdrawn") & Q(revision__isnull=False)),
                name="release_names_its_text",
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def version(self) -> str:
        """The version that readers see since, or "–" after a withdrawal."""
        return self.revision.version if self.revision else "–"
