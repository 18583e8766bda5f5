from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.origin import Origin

DEFAULT_BACKLOG = 500


class Generator(models.Model):
    """Who or what writes posts elsewhere: a program with its model and prompt, or people.

    Records name it in `payload.generator`. A name that nobody has described here waits until somebody does.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    name = models.CharField(
        max_length=200, unique=True, help_text="As its records name it in payload.generator, with its version."
    )
    kind = models.CharField(
        "who writes",
        max_length=20,
        choices=Origin,
        default=Origin.NOT_STATED,
        db_default=Origin.NOT_STATED,
        help_text="The pages of its posts say so.",
    )
    model_version = models.CharField(
        "model", max_length=200, blank=True, db_default="", help_text="The model and its version."
    )
    prompt_version = models.CharField(max_length=200, blank=True, db_default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The person here who answers for it.",
    )
    contact = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Whom to ask about its posts: an address or a channel."
    )
    guideline = models.TextField(
        blank=True, db_default="", help_text="What its posts must be like: a text, or a link to one."
    )
    state = models.CharField(
        max_length=10,
        choices=State,
        default=State.ACTIVE,
        db_default=State.ACTIVE,
        help_text="Posts of a paused generator come in held.",
    )
    backlog_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=DEFAULT_BACKLOG,
        db_default=DEFAULT_BACKLOG,
        help_text="How many of its posts may be pending review before the API refuses more. Empty: any number.",
    )
    is_described = models.BooleanField(
        "described", default=True, db_default=True, help_text="Off: records name it, and nobody has described it here."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        default_permissions = ("view",)
        permissions = [("manage_generators", "Can change generators and their tokens")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        return self.state == self.State.PAUSED
