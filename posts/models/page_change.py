from django.db import models
from django.db.models.functions import Now


class PageChange(models.Model):
    """One line of the log that caches of rendered pages read: what a transaction changed of what pages show.

    `position` orders it as posts.db.change_log explains; written and read there alone.
    """

    position = models.BigIntegerField(db_index=True)
    keys = models.TextField(help_text="What changed, with spaces between.")
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self):
        return f"{self.position}: {self.keys}"
