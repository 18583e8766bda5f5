from django.db import models
from django.db.models import Q

from posts.models.post import Post


class SourcePlace(models.Model):
    """Where the file of a post is in its source, by which other files of the source link to it."""

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True, related_name="source_place")
    site = models.CharField(max_length=300)
    path = models.CharField(max_length=1000)
    name = models.CharField(max_length=200, help_text="The last part of the path as links write it.")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["site", "name"], name="source_place_name")]

    def __str__(self) -> str:
        return f"{self.site}:{self.path}"


class SourceLink(models.Model):
    """A link in a text to another file of its source, and the post that it leads to: none that is known yet."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="source_links", db_index=False)
    address = models.CharField(max_length=500, help_text="As the HTML of the text has it.")
    target = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="+", db_index=False)
    anchor = models.CharField(max_length=120, default="", db_default="", help_text="The id of a heading there.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["post", "address"], name="source_link_once")]
        indexes = [
            models.Index(fields=["target"], condition=Q(target__isnull=False), name="source_link_target"),
        ]

    def __str__(self) -> str:
        return self.address
