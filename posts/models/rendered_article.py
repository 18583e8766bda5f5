from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField


class RenderedArticle(models.Model):
    """The HTML of a released text, stored under everything that it depends on."""

    fingerprint = models.CharField(max_length=64)
    renderer_version = models.PositiveIntegerField()
    hosts_key = models.CharField(max_length=16, help_text="Which image hosts were allowed when it was rendered.")
    html = models.TextField()
    contents = OrderedJSONField(default=list, db_default=[])
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "renderer_version", "hosts_key"], name="rendered_once")
        ]

    def __str__(self) -> str:
        return self.fingerprint
