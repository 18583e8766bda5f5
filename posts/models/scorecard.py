from django.db import models

from posts.models.fields import OrderedJSONField
from posts.models.post import Post


class ScoredPost(models.Model):
    """What a post adds to the scorecards, so that a change of the post changes them by the difference alone."""

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="+")
    parts = OrderedJSONField(default=list, db_default=[], help_text="One for each generator that sent a text of it.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.post_id}: {len(self.parts)}"


class Score(models.Model):
    """The sums of one scorecard over all posts. docs/scorecards.md says what each of them counts."""

    class Kind(models.TextChoices):
        GENERATOR = "generator", "Generator"
        SCENARIO = "scenario", "Scenario"
        STACK = "stack", "Stack"

    pk = models.CompositePrimaryKey("kind", "name")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=100, help_text="Of a generator: its primary key. Empty: not stated.")
    came_in = models.BigIntegerField(default=0, db_default=0)
    decided = models.BigIntegerField(default=0, db_default=0)
    approved = models.BigIntegerField(default=0, db_default=0)
    in_bulk = models.BigIntegerField(default=0, db_default=0)
    accepted = models.BigIntegerField(default=0, db_default=0)
    revoked = models.BigIntegerField(default=0, db_default=0)
    edited = models.BigIntegerField(default=0, db_default=0)
    changed_words = models.BigIntegerField(default=0, db_default=0)
    released = models.BigIntegerField(default=0, db_default=0)
    reported = models.BigIntegerField(default=0, db_default=0)
    reports = models.BigIntegerField(default=0, db_default=0)
    timed = models.BigIntegerField(default=0, db_default=0)
    seconds = models.BigIntegerField(default=0, db_default=0)
    reasons = OrderedJSONField(default=dict, db_default={}, help_text="Reason → posts.")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["kind", "-came_in", "name"], name="score_largest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.came_in}"
