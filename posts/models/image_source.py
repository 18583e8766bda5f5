from typing import Any

from django.db import models
from django.db.models import Q

from posts.models.fields import OrderedJSONField
from posts.models.post import Post, search_key
from posts.records.schema import RecordDict
from posts.rendering.images import host_of


class ImageSource(models.Model):
    """An image of the working copy, with its source and caption."""

    # The constraint below provides its index.
    post = models.ForeignKey(Post, models.CASCADE, related_name="images", db_index=False)
    position = models.PositiveSmallIntegerField(help_text="From 1; ![](image:2) places the second.")
    source = models.CharField(max_length=300, blank=True, db_default="")
    url = models.CharField("URL", max_length=2000)
    caption = models.CharField(max_length=1000, blank=True, db_default="")
    alt = models.CharField("alt text", max_length=1000, blank=True, db_default="")
    licence = models.CharField(max_length=300, blank=True, db_default="")
    width_px = models.PositiveIntegerField(null=True, blank=True)
    height_px = models.PositiveIntegerField(null=True, blank=True)
    extra = OrderedJSONField(default=dict, blank=True, db_default={})
    # What the admin searches by; "" on rows of an earlier version of the site until a job has read them.
    host = models.CharField(max_length=200, editable=False, default="", db_default="")
    caption_key = models.CharField(max_length=100, editable=False, default="", db_default="")

    class Meta:
        ordering = ["position"]
        verbose_name = "image"
        indexes = [
            models.Index(fields=["host", "id"], name="image_host"),
            models.Index(fields=["licence", "id"], name="image_licence"),
            models.Index(fields=["id"], condition=Q(alt=""), name="image_without_alt"),
            models.Index(fields=["caption_key"], name="image_caption", opclasses=["varchar_pattern_ops"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["post", "position"], name="image_position_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="image_position_from_one"),
        ]

    def __str__(self) -> str:
        return self.caption or self.url

    def to_record(self) -> RecordDict:
        values = {
            "source": self.source,
            "url": self.url,
            "caption": self.caption,
            "alt": self.alt,
            "licence": self.licence,
            "width": self.width_px,
            "height": self.height_px,
        }
        known = {key: value for key, value in values.items() if value not in (None, "")}
        return {**known, **self.extra}


_KNOWN = {"source", "url", "caption", "alt", "licence", "width", "height"}


def image_keys(url: str, caption: str) -> dict[str, str]:
    """Return the columns by which the admin searches an image: its host ("-" if it has none) and its caption."""
    return {"host": host_of(url).casefold()[:200] or "-", "caption_key": search_key(caption)}


def image_columns(image: RecordDict) -> dict[str, Any]:
    """Return the columns of ImageSource (name → value) for one canonical `image_sources` object."""
    return {
        "source": image.get("source", ""),
        "url": image["url"],
        "caption": image.get("caption", ""),
        "alt": image.get("alt", ""),
        "licence": image.get("licence", ""),
        "width_px": image.get("width"),
        "height_px": image.get("height"),
        "extra": {} if image.keys() <= _KNOWN else {key: image[key] for key in image if key not in _KNOWN},
        **image_keys(image["url"], image.get("caption", "")),
    }
