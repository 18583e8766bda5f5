from django.db import models
from django.db.models.functions import Now

from posts.models.post import Post


class FormerSlug(models.Model):
    """An address that a post had before; it redirects for good and no other post may take it. What begins with a
    slash is a path of the site that the post came from, as posts.operations.slugs.former_path writes it."""

    slug = models.CharField(max_length=500, unique=True)
    post = models.ForeignKey(Post, models.CASCADE, related_name="former_slugs")
    left_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)

    def __str__(self):
        return self.slug
