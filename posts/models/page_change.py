from django.db import models
from django.db.models.functions import Now


class PageChange(models.Model):
    """One row of the change log: a key that a transaction changed and that cached pages depend on.

    `position` orders the rows as posts.db.change_log explains. Only that module reads and writes them.
    """

    position = models.BigIntegerField(db_index=True)
    keys = models.TextField(help_text="What changed, with spaces between.")
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.position}: {self.keys}"
