from django.db import models
from django.db.models.functions import Now

from posts.models.post import Post


class FormerSlug(models.Model):
    """A former address of a post. It redirects permanently, and no other post may take it.

    One that begins with a slash is a path of the original site, as posts.operations.slugs.former_path writes it.
    """

    slug = models.CharField("address", max_length=500, unique=True)
    post = models.ForeignKey(Post, models.CASCADE, related_name="former_slugs")
    left_at = models.DateTimeField("until", db_default=Now())

    class Meta:
        verbose_name = "former address"
        verbose_name_plural = "former addresses"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.slug
