import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from posts.models.fields import OrderedJSONField
from posts.models.generator import Generator

DEFAULT_RATE = 1200


class ApiToken(models.Model):
    """A right of a generator to use the API. The token itself is not stored, only its digest.

    `digest` is the SHA-256 of a random token of 256 bits. A slow hash protects words that people choose: nobody can
    guess such a token, so a fast one is enough, and a request costs nothing.
    """

    generator = models.ForeignKey(Generator, models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=100, help_text="Where it is used, such as “nightly run”.")
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=20, help_text="How the token begins.")
    may_import = models.BooleanField("send posts", default=True, db_default=True)
    may_read_decisions = models.BooleanField("read decisions", default=False, db_default=False)
    may_roll_back = models.BooleanField("roll back its imports", default=False, db_default=False)
    requests_per_minute = models.PositiveIntegerField(default=DEFAULT_RATE, db_default=DEFAULT_RATE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    # The minute in which it was used last, and how many requests of that minute its processes have taken.
    window = models.BigIntegerField(default=0, db_default=0)
    window_count = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.label} of {self.generator}"

    @property
    def state(self) -> str:
        """Return whether it can be used, in a word."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"

    @property
    def may(self) -> list[str]:
        """What it may do, in words."""
        names = ("may_import", "may_read_decisions", "may_roll_back")
        return [str(self._meta.get_field(name).verbose_name) for name in names if getattr(self, name)]  # type: ignore[union-attr]  # no relation

    @property
    def last_used_at(self) -> datetime.datetime | None:
        """The minute in which it was used last, or None."""
        return datetime.datetime.fromtimestamp(self.window * 60, datetime.UTC) if self.window else None


class PushAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, kept so that the same request gets it again."""

    generator = models.ForeignKey(Generator, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request.")
    status = models.PositiveSmallIntegerField()
    headers = OrderedJSONField(default=dict, db_default={})
    content = OrderedJSONField(default=dict, db_default={})
    made_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["generator", "key"], name="push_answer_once")]

    def __str__(self) -> str:
        return f"{self.key} of {self.generator}"
