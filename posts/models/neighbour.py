from django.db import models

from posts.models.fields import OrderedJSONField
from posts.models.post import Post


class Neighbour(models.Model):
    """A related post of a listed one, found in the background (posts.related.related_posts)."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="neighbours")
    neighbour = models.ForeignKey(Post, models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField(help_text="0 for the most similar one.")
    shared = OrderedJSONField(default=list, db_default=[], help_text="The names of what both are about, rarest first.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["post", "neighbour"], name="neighbour_once"),
            models.CheckConstraint(condition=~models.Q(post=models.F("neighbour")), name="neighbour_is_another_post"),
        ]

    def __str__(self) -> str:
        return f"{self.neighbour_id} beside {self.post_id}"


class StaleNeighbours(models.Model):
    """A post whose related posts must be found again.

    A post may have several rows, so that writers never wait for each other.
    """

    post = models.ForeignKey(Post, models.CASCADE, related_name="+")
    spreads = models.BooleanField(help_text="Whether the posts beside it must be looked at as well.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.post_id}"
