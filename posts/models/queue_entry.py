from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.import_batch import ImportBatch
from posts.models.post import Post
from posts.models.revision import Revision


class QueueEntry(models.Model):
    """A pending post: its risk score with reasons, and what its row in the queue shows.

    Only posts.review_queue.ranking writes it, except for assignments and claims; a new result of the checks makes it
    incomplete. Deleting the row takes the post off the queue. The order of the queue is one index scan.
    """

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="queue_entry")
    fingerprint = models.CharField(max_length=64, help_text="The proposed revision that was ranked.")
    # points = text_points + generator_points + age_points: the last two change for many posts at once.
    points = models.PositiveIntegerField(default=0, db_default=0)
    text_points = models.PositiveIntegerField(default=0, db_default=0)
    generator_points = models.PositiveIntegerField(default=0, db_default=0)
    age_points = models.PositiveIntegerField(default=0, db_default=0)
    reasons = OrderedJSONField(default=list, db_default=[], help_text="[code, points, detail], most points first.")
    waiting_since = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=20, choices=Revision.Status)
    version = models.CharField(max_length=40, blank=True, db_default="")
    live_version = models.CharField(max_length=40, blank=True, db_default="")
    is_back = models.BooleanField(
        default=False, db_default=False, help_text="Changes were requested on an earlier revision."
    )
    stack = OrderedJSONField(default=list, db_default=[])
    words = models.PositiveIntegerField(null=True)
    generator = models.CharField(max_length=200, blank=True, db_default="")
    batch = models.ForeignKey(ImportBatch, models.PROTECT, null=True, related_name="+", db_index=False)
    # False until the checks and the comparison have read this text.
    is_complete = models.BooleanField(default=False, db_default=False)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    held_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False)
    held_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["-points", "waiting_since", "post"], name="queue_order"),
            models.Index(fields=["generator", "-points", "waiting_since", "post"], name="queue_of_generator"),
            models.Index(fields=["batch", "-points", "waiting_since", "post"], name="queue_of_batch"),
            models.Index(fields=["waiting_since"], name="queue_age"),
            models.Index(
                fields=["assigned_to", "-points", "waiting_since", "post"],
                condition=Q(assigned_to__isnull=False),
                name="queue_assigned",
            ),
            models.Index(fields=["held_by"], condition=Q(held_by__isnull=False), name="queue_held"),
            models.Index(fields=["post"], condition=Q(is_complete=False), name="queue_incomplete"),
            models.Index(fields=["post"], condition=Q(generator_points__gt=0), name="queue_of_bad_generators"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(held_by__isnull=True) | Q(held_until__isnull=False), name="queue_hold_has_an_end"
            )
        ]

    def __str__(self) -> str:
        return f"{self.points} points: {self.post_id}"


class QueueLabel(models.Model):
    """A value of which a post has several and by which the queue is filtered: a risk reason, a stack entry."""

    class Kind(models.TextChoices):
        REASON = "reason", "Reason"
        STACK = "stack", "Stack"

    pk = models.CompositePrimaryKey("kind", "name", "entry_id")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=100)
    entry = models.ForeignKey(QueueEntry, models.CASCADE, related_name="labels")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.entry_id}"


class QueueFigure(models.Model):
    """A number that the background counts.

    Either pending posts by stack entry or generator (for the filter choices, approximate), or the risk score from a
    generator's decisions.
    """

    pk = models.CompositePrimaryKey("kind", "name")
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=200)
    count = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.count}"
