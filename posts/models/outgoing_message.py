from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class OutgoingMessageQuerySet(models.QuerySet["OutgoingMessage"]):
    """Messages of the outbox."""

    def waiting(self) -> "OutgoingMessageQuerySet":
        """Filter to those that are still to be sent."""
        return self.filter(sent_at=None, parked_at=None)


class OutgoingMessage(models.Model):
    """A message that the site sends to another machine. It is saved in the transaction of what it reports.

    A worker sends it afterwards, and again after a failure, so a machine that does not answer delays nobody. A message
    may arrive twice, if a worker ends between sending and recording that.
    """

    class Kind(models.TextChoices):
        MAIL = "mail", "E-mail"
        CHAT = "chat", "Chat message"
        WEBHOOK = "webhook", "Webhook"
        PURGE = "purge", "Purge of a CDN"

    # A message that could not be sent for this long is parked: a person looks at it.
    TRIED_FOR = timedelta(hours=72)

    kind = models.CharField(max_length=10, choices=Kind)
    recipient = models.CharField(
        max_length=500, blank=True, db_default="", help_text="The e-mail address, or the address of the receiver."
    )
    lane = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Messages of one lane and recipient are sent in order.",
    )
    subject = models.CharField(max_length=200, blank=True, db_default="")
    body = models.TextField()
    made_at = models.DateTimeField("when", db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    answer_status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status of the last answer.")
    answer = models.CharField(max_length=500, blank=True, default="", db_default="")
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")
    sent_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)

    objects = OutgoingMessageQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(sent_at__isnull=True, parked_at__isnull=True), name="outgoing_waiting"
            ),
            models.Index(
                fields=["recipient", "lane", "id"],
                condition=Q(sent_at__isnull=True, parked_at__isnull=True) & ~Q(lane=""),
                name="outgoing_lane",
            ),
            models.Index(fields=["sent_at"], condition=Q(sent_at__isnull=False), name="outgoing_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    @property
    def state(self) -> str:
        """What became of the message, in words."""
        if self.sent_at:
            return "sent"
        if self.parked_at:
            return "given up"
        return "waiting" if not self.attempts else "waiting to be tried again"
