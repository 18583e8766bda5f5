from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.import_batch import ImportBatch
from posts.models.post import Post


class ImportIssue(models.Model):
    """A row that an import did not take as it came: kept whole, with the reason, for a person to mend."""

    class Kind(models.TextChoices):
        REFUSED = "refused", "Refused"
        DUPLICATE = "duplicate", "Duplicate"
        CONFLICT = "conflict", "Conflict"

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="issues")
    kind = models.CharField(max_length=10, choices=Kind)
    line = models.PositiveBigIntegerField(help_text="From 1.")
    first_line = models.PositiveBigIntegerField(null=True, help_text="The line whose identity a duplicate repeats.")
    problems = OrderedJSONField(default=list, db_default=[], help_text="Pairs of JSON Pointer and reason.")
    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="import_issues")
    raw = models.TextField(blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["line", "pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["batch", "kind", "line"], name="import_issue_by_kind")]

    def __str__(self):
        return f"Line {self.line}: {self.get_kind_display().lower()}"
