from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.import_batch import ImportBatch
from posts.models.post import Post


class ImportIssue(models.Model):
    """A row that an import refused, kept whole with the reason, for a person to fix.

    Or a post that the roll-back of the import treated as an exception, with the reason.
    """

    class Kind(models.TextChoices):
        REFUSED = "refused", "Refused"
        DUPLICATE = "duplicate", "Duplicate"
        CONFLICT = "conflict", "Conflict"
        KEPT = "kept", "Kept at roll-back"
        SET_BACK = "set_back", "Approved since, set back"

    class Resolution(models.TextChoices):
        OPEN = "", "Open"
        REPAIRED = "repaired", "Repaired"
        LEFT_OUT = "left_out", "Left out"
        TAKEN = "taken", "Taken"
        MERGED = "merged", "Merged"
        DISMISSED = "dismissed", "Dismissed"
        OVERTAKEN = "overtaken", "Superseded by a later import"
        ROLLED_BACK = "rolled_back", "Rolled back with its import"

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="issues", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    line = models.PositiveBigIntegerField(help_text="From 1; 0 for a post that a roll-back names.")
    label = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="The place, if the line number is not enough."
    )
    first_line = models.PositiveBigIntegerField(
        null=True, help_text="The line with the same identity, for a duplicate."
    )
    problems = OrderedJSONField(default=list, db_default=[], help_text="Pairs of JSON Pointer and reason.")
    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="import_issues")
    raw = models.TextField(blank=True, db_default="")
    held = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The row was not public at its source.",
    )
    holds = OrderedJSONField(default=list, db_default=[], help_text="Why it is held: pairs of reason and detail.")
    is_cut = models.BooleanField(default=False, db_default=False, help_text="Only the beginning of the row was kept.")
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    line_hash = models.CharField(max_length=32, blank=True, default="", db_default="")
    resolution = models.CharField(max_length=20, choices=Resolution, blank=True, default="", db_default="")
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "import row"
        verbose_name_plural = "import rows"
        ordering = ["line", "pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["batch", "kind", "line"], name="import_issue_by_kind"),
            models.Index(fields=["-id"], condition=Q(kind="conflict", resolution=""), name="import_conflict_open"),
        ]

    def __str__(self) -> str:
        place = f"Line {self.line}" if self.line else "Roll-back"
        return f"{place}: {self.get_kind_display().lower()}"
