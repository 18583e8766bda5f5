from django.db import models
from django.db.models import Q

from posts.models.post import Post


class Term(models.Model):
    """A stack, tool, topic, entity or tag that listed posts share."""

    class Kind(models.TextChoices):
        STACK = "stack", "Stack"
        TOOL = "tool", "Tool"
        TOPIC = "topic", "Topic"
        ENTITY = "entity", "Entity"
        TAG = "tag", "Tag"

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=300, help_text="The name, case folded: what makes two spellings one term.")
    name = models.CharField(max_length=300)
    listed_count = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="term_once")]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["kind", "-listed_count", "id"], condition=Q(listed_count__gt=0), name="term_by_use"),
        ]

    def __str__(self):
        return self.name


class PostTerm(models.Model):
    """A term of a listed live text. The date stands beside the pair, so a list page is one index walk."""

    term = models.ForeignKey(Term, models.CASCADE, related_name="post_terms")
    post = models.ForeignKey(Post, models.CASCADE, related_name="post_terms")
    published_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["post", "term"], name="post_term_once")]
        indexes = [models.Index(fields=["term", "-published_at", "-post"], name="post_term_newest")]

    def __str__(self):
        return f"{self.term_id} of {self.post_id}"
