from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField


class ImportBatch(models.Model):
    """One run of an import: where it came from, how far it is, and what became of each row."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        FINISHED = "finished", "Finished"

    source_name = models.CharField(max_length=500)
    source_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    format = models.CharField(max_length=20, default="jsonl", db_default="jsonl")
    options = OrderedJSONField(default=dict, db_default={})
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING, db_default=State.RUNNING)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    checkpoint_line = models.PositiveBigIntegerField(default=0, db_default=0)
    created = models.PositiveBigIntegerField(default=0, db_default=0)
    updated = models.PositiveBigIntegerField(default=0, db_default=0)
    unchanged = models.PositiveBigIntegerField(default=0, db_default=0)
    conflict = models.PositiveBigIntegerField(default=0, db_default=0)
    duplicate = models.PositiveBigIntegerField(default=0, db_default=0)
    refused = models.PositiveBigIntegerField(default=0, db_default=0)
    index_open = models.BooleanField(
        default=True, db_default=True, help_text="Off closes every post of this import to search engines at once."
    )

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self):
        return f"Import {self.pk}: {self.source_name}"
