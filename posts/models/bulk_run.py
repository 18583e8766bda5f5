from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.post import Post
from posts.models.review import Review


class BulkRun(models.Model):
    """One bulk action on many posts, or on many of their images or checklist items.

    First comes a preview of each outcome, then the outcomes.

    Nothing changes before the person who started it has seen the preview and confirmed it.
    """

    class Act(models.TextChoices):
        APPROVE = "approve", "Approve"
        EDITS = "edits", "Request changes"
        REJECT = "reject", "Reject"
        FLAG = "flag", "Flag"
        ASSIGN = "assign", "Assign"
        LICENCE = "licence", "Set the licence"
        HOST = "host", "Replace the host"
        POINT = "point", "Replace the text"
        ADDRESS = "address", "Replace the address"

    # These change texts, by a revision of each post. The others are about pending posts.
    EDITS_PARTS = (Act.LICENCE, Act.HOST, Act.POINT, Act.ADDRESS)

    class State(models.TextChoices):
        PREPARING = "preparing", "Checking posts"
        READY = "ready", "Waiting for confirmation"
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    act = models.CharField(max_length=10, choices=Act)
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING, db_default=State.PREPARING)
    query = models.CharField(max_length=1000, blank=True, db_default="", help_text="The filter it came from.")
    options = OrderedJSONField(default=dict, db_default={}, help_text="What EDITS_PARTS write, by name.")
    reason_code = models.CharField(max_length=20, choices=Review.ReasonCode, blank=True, db_default="")
    comment = models.TextField(blank=True, db_default="")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    counts = OrderedJSONField(
        default=dict, db_default={}, help_text="Rows by outcome, and the most frequent obstacles, as last counted."
    )
    made_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_act_display()} in bulk, {self.pk}"

    def title(self, count: int) -> str:
        """Return what the action does to `count` posts: "Approve 4 posts"."""
        verb = {
            self.Act.EDITS: "Request changes on",
            self.Act.LICENCE: "Set the licence of images in",
            self.Act.HOST: "Replace the host of images in",
            self.Act.POINT: "Replace checklist items in",
            self.Act.ADDRESS: "Replace an address in",
        }.get(self.Act(self.act), self.get_act_display())
        return f"{verb} {count:,} post{'' if count == 1 else 's'}"


class BulkRow(models.Model):
    """One post of a BulkRun, with the revision that the person meant."""

    class Outcome(models.TextChoices):
        OPEN = "open", "Not checked yet"
        PASSES = "passes", "Ready"
        WILL_REFUSE = "will_refuse", "Will be refused"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="rows", db_index=False)
    post = models.ForeignKey(Post, models.CASCADE, related_name="+")
    fingerprint = models.CharField(max_length=64)
    parts = OrderedJSONField(default=list, db_default=[], help_text="Places of its images or checklist items.")
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.OPEN, db_default=Outcome.OPEN)
    # The first obstacle, which groups refusals, and all of them.
    obstacle = models.CharField(max_length=300, blank=True, db_default="")
    said = models.TextField(blank=True, db_default="")

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["run", "outcome", "id"], name="bulk_row_outcome"),
            # The pages of a table of all.
            models.Index(fields=["run", "id"], name="bulk_row_of_run"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "post"], name="bulk_row_post_once"),
            models.CheckConstraint(condition=Q(fingerprint__length=64), name="bulk_row_has_fingerprint"),
        ]

    def __str__(self) -> str:
        return f"{self.post_id}: {self.get_outcome_display()}"
