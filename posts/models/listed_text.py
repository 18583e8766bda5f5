from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.import_batch import ImportBatch
from posts.models.post import Post
from posts.models.revision import Revision

# Per file of the sitemap: so few that a file full of images stays below the limit of the page cache
# (posts.page_cache.MAX_STREAMED).
URLS_PER_FILE = 1_000


class ListedTextQuerySet(models.QuerySet["ListedText"]):
    """Rows of the posts that lists, files and feeds name."""

    def listed(self) -> Self:
        """Filter to the posts that may be listed now.

        The row itself says that the text qualified when it was written. The switches of the site and of imports
        change without it, so they are checked here.
        """
        if not settings.INDEXING:
            return self.none()
        # Checked again on the post, for a version of the site that runs beside this one and knows no such rows.
        rows = self.filter(post__needs_human_review=False, post__held=False, post__withdrawn_at__isnull=True)
        closed = ImportBatch.objects.filter(index_open=False)
        # Most sites have no closed import; then two tables are enough.
        if closed.exists():
            rows = rows.exclude(Q(post__last_batch__in=closed) | Q(post__live_revision__batch__in=closed))
        return rows


class ListedText(models.Model):
    """A post that lists and search may name, with its live text.

    Search keeps the words of the text under this row's primary key (posts/search). A text that is listed again gets a
    new row, so that the largest keys are the latest decisions. Sitemaps and summary lines read nothing else of a
    text, and the count of listed posts is an index scan.
    """

    post = models.OneToOneField(Post, models.CASCADE, related_name="listed_text")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="+", db_index=False)
    # Lists are ordered by this datetime; settings.LIST_ORDER chooses it.
    published_at = models.DateTimeField()
    reviewed_at = models.DateTimeField()
    generator = models.CharField(max_length=200, blank=True, default="", db_default="")
    changed_at = models.DateTimeField(db_default=Now(), help_text="When what readers see changed last.")
    pictures = OrderedJSONField(default=list, db_default=[], help_text="Their addresses, in the order of the record.")
    line = OrderedJSONField(null=True, help_text="What lines of lists read of the record.")
    terms = models.TextField(
        null=True, help_text="What filters of a search count, as kind:number; null: read from the terms of the post."
    )
    source_batch = models.ForeignKey(
        ImportBatch, models.SET_NULL, null=True, related_name="+", help_text="The import whose text it is; null: none."
    )

    objects = ListedTextQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["-published_at", "-post"], name="listed_newest"),
            models.Index(fields=["-reviewed_at", "-post"], name="listed_reviewed"),
            models.Index(fields=["generator"], name="listed_generator"),
            # The newest change in each file of the sitemap.
            models.Index(F("post") / URLS_PER_FILE, F("changed_at").desc(), name="listed_in_file"),
            # The same for the previous version, whose files are larger and which runs beside this one during an
            # upgrade.
            models.Index(F("post") / 10_000, F("changed_at").desc(), name="listed_files"),
        ]

    def __str__(self) -> str:
        return f"{self.revision_id} of {self.post_id}"


class PlainText(models.Model):
    """The words of a listed text as readers see them, in which search finds the passages that it shows.

    They are those of the ListedText with the primary key `number`, and outdated for any other.
    """

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="plain_text")
    number = models.BigIntegerField()
    summary = models.TextField(help_text="In one line.")
    prose = models.TextField(help_text="Intro and body in one line, without Markdown and code.")
    code = models.TextField(help_text="The code blocks in one line.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"words of {self.number}"


class SpellingKey(models.Model):
    """A word of a title or term, stored under itself and under itself without any one of its letters.

    Two words that share a key are at most two typing mistakes apart.
    """

    key = models.CharField(max_length=40)
    word = models.CharField(max_length=40)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "word"], name="spelling_key_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.word}"


class SiteFigure(models.Model):
    """Statistics about the whole site, counted by a background job."""

    name = models.CharField(max_length=40, primary_key=True)
    value = OrderedJSONField(default=dict, db_default={})
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} of {self.counted_at}"
