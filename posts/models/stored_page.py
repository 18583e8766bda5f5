from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField


class StoredPage(models.Model):
    """A finished public page, compressed, as a web process sends it. posts.page_cache.stored reads it.

    edition: what it was made of besides posts, such as code and settings. Only pages of one's own edition are shown.
    """

    edition = models.CharField(max_length=32)
    path = models.TextField()
    is_stale = models.BooleanField(
        default=True, db_default=True, help_text="Whether it is to be made: it is new, or shows something changed."
    )
    position = models.BigIntegerField(
        default=0, db_default=0, help_text="The horizon of the change log when its rendering began."
    )
    keys = models.TextField(default="", db_default="", help_text="What it shows, with spaces between.")
    headers = OrderedJSONField(default=list, db_default=[])
    etag = models.TextField(default="", db_default="")
    last_modified = models.TextField(default="", db_default="")
    route = models.TextField(default="", db_default="")
    seconds = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How long a web process may keep it before it reads it again."
    )
    body = models.BinaryField(default=b"", db_default=b"", help_text="Compressed with Brotli.")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["edition", "path"], name="stored_page_once")]
        indexes = [
            models.Index(fields=["edition", "-id"], condition=models.Q(is_stale=True), name="stored_page_stale"),
        ]

    def __str__(self) -> str:
        return self.path


class StoredPageKey(models.Model):
    """One key of the change log that a stored page depends on, except those of all pages."""

    page = models.ForeignKey(StoredPage, models.CASCADE, related_name="page_keys")
    key = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["key", "page"], name="stored_page_key")]

    def __str__(self) -> str:
        return self.key


class StoredPageState(models.Model):
    """How far the stored pages of an edition are.

    horizon: every change below this position has marked the pages that show it. floor: pages begun below it show
    something that changed for all. next_post: where the walk through all live posts goes on, backwards; None when it is
    complete.
    """

    edition = models.CharField(max_length=32, unique=True)
    horizon = models.BigIntegerField()
    floor = models.BigIntegerField()
    read_at = models.DateTimeField(db_default=Now(), help_text="When the change log was last read.")
    next_post = models.BigIntegerField(null=True)
    walked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.edition
