from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Deployment(models.Model):
    """A version of the software that began to serve this site, with what people say about it.

    A web process notes one when its version is not the last one noted; people complete it.
    """

    version = models.CharField(max_length=40)
    began_at = models.DateTimeField("began", db_default=Now())
    owner = models.CharField(max_length=150, blank=True, db_default="", help_text="Who answers for it.")
    expected_result = models.TextField(blank=True, db_default="", help_text="What should be better.")
    rollback_note = models.TextField("how to roll it back", blank=True, db_default="")
    noted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"version {self.version}"

    @property
    def is_complete(self) -> bool:
        return bool(self.owner and self.expected_result and self.rollback_note)
