from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.import_batch import ImportBatch
from posts.models.post import Post


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Notifications."""

    def unread_by(self, user: User) -> "NotificationQuerySet":
        """Filter to what `user` has not read."""
        return self.filter(user=user, read_at=None)


class Notification(models.Model):
    """What a person is told about: one row for everything of a kind from one person that they have not read.

    Ten thousand decisions of a colleague are one row with a count, and so at most one message.
    """

    class Kind(models.TextChoices):
        RETURNED = "returned", "Your text came back"
        ASSIGNED = "assigned", "A post was assigned to you"
        FLAGGED = "flagged", "A post in search engines was flagged"
        PLAN_REFUSED = "plan refused", "A planned release was refused"
        IMPORT_FINISHED = "import finished", "An import finished"
        IMPORT_FAILED = "import failed", "An import failed"
        REPORTED = "reported", "A reader reported a problem"
        MENTIONED = "mentioned", "You were mentioned in a remark"
        ANSWERED = "answered", "Your remark was answered"

    # These are mailed at once, not with the daily digest: waiting would cost something.
    AT_ONCE: ClassVar = frozenset({Kind.FLAGGED, Kind.PLAN_REFUSED, Kind.IMPORT_FINISHED, Kind.IMPORT_FAILED})

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=20, choices=Kind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="+",
        help_text="Who caused it, if a person did.",
    )
    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="+")
    batch = models.ForeignKey(ImportBatch, models.SET_NULL, null=True, related_name="+")
    text = models.CharField(max_length=500, help_text="What happened last, in words.")
    count = models.PositiveIntegerField(default=1, db_default=1)
    made_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "actor"], condition=Q(read_at__isnull=True), name="notification_unread_once"
            ),
            # Two rows without an actor are equal too, which SQL says of no NULL.
            models.UniqueConstraint(
                fields=["user", "kind"],
                condition=Q(read_at__isnull=True, actor__isnull=True),
                name="notification_unread_once_of_nobody",
            ),
        ]
        indexes = [models.Index(fields=["user", "-made_at"], name="notification_of_user")]

    def __str__(self) -> str:
        return self.text


class NotificationSetting(models.Model):
    """How a person wants to be told. Without a row the values below apply."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notification_setting")
    mails_digest = models.BooleanField(
        "E-mail a summary once a day", default=True, db_default=True, help_text="Only on days with something new."
    )
    mails_at_once = models.BooleanField(
        "E-mail urgent events at once",
        default=True,
        db_default=True,
        help_text="A flag on a post in search engines, a refused plan, a finished or failed import.",
    )
    digest_sent_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Notifications of {self.user}"
