from django.db import models

from posts.models.fields import OrderedJSONField
from posts.models.post import Post
from posts.models.revision import Revision


class ListedText(models.Model):
    """A post that lists and search may name, with the live text that they name it for.

    Search keeps the words of the text under this row's number (posts/search); a text that is listed anew gets a new
    one, so that the largest numbers are the latest decisions. The row is narrow on purpose: what counts all listed
    posts reads nothing else.
    """

    post = models.OneToOneField(Post, models.CASCADE, related_name="listed_text")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="+", db_index=False)
    published_at = models.DateTimeField()
    reviewed_at = models.DateTimeField()
    generator = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["-published_at", "-post"], name="listed_newest"),
            models.Index(fields=["-reviewed_at", "-post"], name="listed_reviewed"),
            models.Index(fields=["generator"], name="listed_generator"),
        ]

    def __str__(self):
        return f"{self.revision_id} of {self.post_id}"


class SpellingKey(models.Model):
    """A word of a title or a term, under itself and under what is left of it without one of its letters: two words
    that share a key are at most two slips apart."""

    key = models.CharField(max_length=40)
    word = models.CharField(max_length=40)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "word"], name="spelling_key_once")]

    def __str__(self):
        return f"{self.key}: {self.word}"


class SiteFigure(models.Model):
    """Figures about the whole site that a page shows and a background job counts."""

    name = models.CharField(max_length=40, primary_key=True)
    value = OrderedJSONField(default=dict, db_default={})
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self):
        return f"{self.name} of {self.counted_at}"
