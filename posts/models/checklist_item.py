from typing import Any

from django.db import models

from posts.models.post import Post, search_key


class ChecklistItem(models.Model):
    """One item of the post's checklist, which readers can follow."""

    # The constraint below provides its index.
    post = models.ForeignKey(Post, models.CASCADE, related_name="checklist_items", db_index=False)
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=2000)
    # What the admin searches by; "" on rows of an earlier version of the site until a job has read them.
    text_key = models.CharField(max_length=100, editable=False, default="", db_default="")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["post", "position"], name="checklist_position_once")]
        indexes = [models.Index(fields=["text_key"], name="checklist_text", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return self.text


def item_columns(text: str) -> dict[str, Any]:
    """Return the columns of ChecklistItem (name → value) for one item of a canonical `checklist`."""
    return {"text": text, "text_key": search_key(text)}
