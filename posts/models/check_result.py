from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField


class CheckResult(models.Model):
    """The findings in one text, stored under everything that they depend on; computed in the background.

    After a change of the checks a text has a second row until the first is a day old.
    """

    fingerprint = models.CharField(max_length=64)
    checks_key = models.CharField(max_length=16, help_text="Which checks, in which version, with which image hosts.")
    versions = OrderedJSONField(
        default=dict, db_default={}, help_text="The key of each check that read the text, by its id."
    )
    # Findings and, as objects without "stops", what the checks did not read.
    findings = OrderedJSONField(default=list, db_default=[])
    code_blocks = OrderedJSONField(default=list, db_default=[], help_text="What reading each code block said.")
    stops = models.PositiveSmallIntegerField(default=0, db_default=0)
    advises = models.PositiveSmallIntegerField(default=0, db_default=0)
    broken_code = models.PositiveSmallIntegerField(default=0, db_default=0)
    unsourced_images = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Images without source or licence."
    )
    contradicted_claims = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["fingerprint", "checks_key"], name="checked_once")]

    def __str__(self) -> str:
        return self.fingerprint


class CheckWeight(models.Model):
    """How often a check's findings went with a decision that turned the text down, and what that makes them worth."""

    check_id = models.CharField("check", max_length=100, primary_key=True)
    decided = models.PositiveIntegerField(help_text="Decisions about texts in which the check found something.")
    turned_down = models.PositiveIntegerField(help_text="Those that rejected the text or requested changes.")
    tenths = models.PositiveSmallIntegerField(help_text="The weight of its findings in tenths; 10 is the usual one.")
    counted_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.check_id}: {self.turned_down} of {self.decided}"
