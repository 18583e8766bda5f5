from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField


class CheckResult(models.Model):
    """The findings in one text, stored under everything that they depend on; computed in the background."""

    fingerprint = models.CharField(max_length=64)
    checks_key = models.CharField(max_length=16, help_text="Which checks, in which version, with which image hosts.")
    # Findings and, as objects without "stops", what the checks did not read.
    findings = OrderedJSONField(default=list, db_default=[])
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
