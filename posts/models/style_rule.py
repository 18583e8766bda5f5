from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.post import Post


class StyleRule(models.Model):
    """A rule of the house style, as a person wrote it or loaded it."""

    class Level(models.TextChoices):
        ADVICE = "advice", "Advice"
        REQUIRED = "required", "Required: prevents an approval"

    name = models.CharField(
        max_length=120, unique=True, help_text="The style and the rule, such as House.Terms. It stands beside findings."
    )
    source = models.TextField("rule", help_text="YAML in one of the forms of Vale, with “extends” and “message” in it.")
    level = models.CharField(max_length=10, choices=Level, default=Level.ADVICE, db_default=Level.ADVICE)
    is_on = models.BooleanField("in use", default=True, db_default=True)
    stacks = OrderedJSONField(default=list, db_default=[], blank=True)
    languages = OrderedJSONField(default=list, db_default=[], blank=True)
    # Why it can't be used; "" for a rule that can.
    problem = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    # What became of its findings in decided texts; a job counts them.
    fixed = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    left = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    suppressed = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "style rule"
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return self.name


class StyleException(models.Model):
    """A rule that does not apply to one post, with the reason that a person gave."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="style_exceptions")
    rule = models.ForeignKey(StyleRule, models.CASCADE, related_name="style_exceptions")
    reason = models.CharField(max_length=500)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["post", "rule"], name="style_exception_once")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.reason}"
