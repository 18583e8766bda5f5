from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.generator import Generator
from posts.models.origin import Origin

if TYPE_CHECKING:
    from posts.models.api_token import ApiToken

# Each row of a source is counted in exactly one of these.
COUNTS = ("created", "updated", "unchanged", "conflict", "duplicate", "skipped", "refused")


class ImportBatch(models.Model):
    """One import of one source over all its attempts: its origin, its progress and the outcome of each row.

    `checkpoint_*` say how much of the source is committed; they change in the transaction of the rows.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        FINISHED = "finished", "Finished"
        ROLLING_BACK = "rolling_back", "Being rolled back"
        ROLLED_BACK = "rolled_back", "Rolled back"

    source_name = models.CharField("source", max_length=500)
    source_path = models.CharField(
        max_length=4096, blank=True, default="", db_default="", help_text="The file on the server; empty: a stream."
    )
    source_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    source_bytes = models.PositiveBigIntegerField(null=True, help_text="Its size on the server; null: unknown.")
    format = models.CharField(max_length=20, default="jsonl", db_default="jsonl")
    options = OrderedJSONField(default=dict, db_default={})
    generator = models.ForeignKey(
        Generator, models.PROTECT, null=True, related_name="batches", help_text="Who or what made its posts."
    )
    token = models.ForeignKey(
        "posts.ApiToken",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="If it came by the API.",
    )
    origin = models.CharField(max_length=20, choices=Origin, default=Origin.NOT_STATED, db_default=Origin.NOT_STATED)
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING, db_default=State.RUNNING)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField("started", db_default=Now())
    finished_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    runner = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="Host and process.")
    attempt_at = models.DateTimeField(null=True, help_text="When the latest attempt began.")
    progress_at = models.DateTimeField(null=True, help_text="When the checkpoint moved last.")
    seconds = models.FloatField(default=0, db_default=0, help_text="Time at work, over all attempts.")
    stop_requested = models.BooleanField(default=False, db_default=False)
    message = models.TextField(blank=True, default="", db_default="", help_text="Why it stopped.")
    checkpoint_line = models.PositiveBigIntegerField(default=0, db_default=0)
    checkpoint_offset = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Bytes, unpacked.")
    checkpoint_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    bytes_read = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Of source_bytes.")
    created = models.PositiveBigIntegerField(default=0, db_default=0)
    updated = models.PositiveBigIntegerField(default=0, db_default=0)
    unchanged = models.PositiveBigIntegerField(default=0, db_default=0)
    conflict = models.PositiveBigIntegerField(default=0, db_default=0)
    duplicate = models.PositiveBigIntegerField(default=0, db_default=0)
    skipped = models.PositiveBigIntegerField(default=0, db_default=0)
    refused = models.PositiveBigIntegerField(default=0, db_default=0)
    skip_reasons = OrderedJSONField(default=dict, db_default={}, help_text="Reason → rows.")
    breakdown = OrderedJSONField(
        default=dict, db_default={}, help_text="Kind → count → rows; refusals and warnings: reason → rows."
    )
    parts = OrderedJSONField(
        default=dict, db_default={}, help_text="Of a split file: chunks that are written, and beyond the checkpoint."
    )
    rehearsal = OrderedJSONField(default=dict, db_default={}, help_text="The result of the last rehearsal.")
    rollback = OrderedJSONField(default=dict, db_default={}, help_text="The progress and the result of a roll-back.")
    index_open = models.BooleanField(
        default=True, db_default=True, help_text="Off closes every post of this import to search engines at once."
    )

    # Of a rehearsal that runs, and not stored: the first records, and the targets of foreign keys in words.
    samples: list[dict[str, Any]]
    mapped: list[str]

    class Meta:
        verbose_name = "import"
        verbose_name_plural = "imports"
        ordering = ["-pk"]
        default_permissions = ("view",)
        # Every page that names posts asks which imports are closed: none or a few of thousands.
        indexes = [models.Index(fields=["id"], condition=models.Q(index_open=False), name="import_closed")]

    def __str__(self) -> str:
        return f"Import {self.pk}: {self.source_name}"

    @classmethod
    def of_token(cls, token: "ApiToken", **columns: Any) -> "ImportBatch":
        """Return an unsaved import of the generator of a token."""
        return cls(token=token, generator=token.generator, origin=token.generator.kind, **columns)

    @property
    def rows(self) -> int:
        """The number of rows accounted for: each is in exactly one of COUNTS."""
        return sum(getattr(self, count) for count in COUNTS)

    @property
    def can_resume(self) -> bool:
        """Whether it has started and not finished. If it says running, its process may be dead."""
        return self.state in (self.State.STOPPED, self.State.RUNNING)
