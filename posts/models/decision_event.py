from django.db import models
from django.db.models.functions import Now

from posts.models.generator import Generator
from posts.models.review import Review


class DecisionEvent(models.Model):
    """That a decision was made, undone or revoked: what a generator reads, in order and without gaps.

    Rows become visible in the order of their keys (posts.operations.decision_events), so a program that continues after
    the last one it has seen misses none.
    """

    class Kind(models.TextChoices):
        MADE = "made", "Made"
        UNDONE = "undone", "Undone"
        REVOKED = "revoked", "Revoked"

    review = models.ForeignKey(Review, models.CASCADE, related_name="events", db_index=False)
    generator = models.ForeignKey(Generator, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["generator", "id"], name="decision_event_in_order")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.review}"
