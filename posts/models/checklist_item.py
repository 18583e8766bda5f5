from django.db import models

from posts.models.post import Post


class ChecklistItem(models.Model):
    """One item of the post's checklist, which readers can follow."""

    # The constraint below provides its index.
    post = models.ForeignKey(Post, models.CASCADE, related_name="checklist_items", db_index=False)
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=2000)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["post", "position"], name="checklist_position_once")]

    def __str__(self) -> str:
        return self.text
