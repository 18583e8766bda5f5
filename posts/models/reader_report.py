from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from posts.models.post import Post


class ReaderReport(models.Model):
    """A reader's report about a page. It gives a person a reason to look, and changes nothing else.

    Anybody can send one, so it never affects indexing. It stores nothing about the reader.
    """

    class Reason(models.TextChoices):
        FACTS = "facts", "A fact is wrong"
        CODE = "code", "Code does not work"
        OUTDATED = "outdated", "It is out of date"
        IMAGE = "image", "An image is wrong or missing"
        RIGHTS = "rights", "It uses my work without permission"
        HARM = "harm", "It could do harm"
        OTHER = "other", "Something else"

    post = models.ForeignKey(Post, models.CASCADE, related_name="reader_reports")
    reason = models.CharField(max_length=20, choices=Reason)
    note = models.CharField(max_length=1000, blank=True, db_default="")
    fingerprint = models.CharField(max_length=64, help_text="The revision that was on the page.")
    made_at = models.DateTimeField("when", db_default=Now())
    answered_at = models.DateTimeField("answered", null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    answer = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["post", "-id"], condition=Q(answered_at__isnull=True), name="report_open")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.note}" if self.note else self.get_reason_display()


class ReportTally(models.Model):
    """How often something was done on a day, such as reports from one address. The key is a hash that expires daily."""

    day = models.DateField()
    key = models.CharField(max_length=64)
    count = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day", "key"], name="report_tally_once")]

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"
