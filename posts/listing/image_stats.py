"""What images all posts have, by host and by licence; a job counts them, because a million posts have millions."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.models import ChecklistItem, ImageSource, SiteFigure
from posts.models.image_source import image_keys
from posts.models.post import search_key

NAME = "images by host and licence"
SHOWN = 20
# So few are counted when somebody looks.
COUNTED_AT_ONCE = 10_000
CHUNK = 1000


@dataclass(frozen=True)
class ImageStats:
    """Images of all working copies. hosts, licences: [[value, images]] of the most frequent ones."""

    counted_at: datetime
    hosts: list[list[Any]] = field(default_factory=list)
    licences: list[list[Any]] = field(default_factory=list)
    without_alt: int = 0


def image_stats() -> ImageStats:
    """Return the ImageStats: of a small site as it is now, of a large one those that the job stored, if it has run."""
    if ImageSource.objects.order_by()[: COUNTED_AT_ONCE + 1].count() <= COUNTED_AT_ONCE:
        return count_images()
    stored = SiteFigure.objects.filter(name=NAME).first()
    return ImageStats(counted_at=stored.counted_at, **stored.value) if stored else ImageStats(timezone.now())


def count_images() -> ImageStats:
    """Return the current ImageStats. It reads the indexes of all images."""
    return ImageStats(
        counted_at=timezone.now(),
        hosts=_most_frequent("host"),
        licences=_most_frequent("licence"),
        without_alt=ImageSource.objects.filter(alt="").count(),
    )


def _most_frequent(name: str) -> list[list[Any]]:
    counted = ImageSource.objects.order_by().exclude(**{name: ""}).values_list(name).annotate(count=Count("pk"))
    return [list(row) for row in counted.order_by("-count", name)[:SHOWN]]


def store_image_stats() -> None:
    """Count everything and store it."""
    value = asdict(count_images())
    counted_at = value.pop("counted_at")
    SiteFigure.objects.update_or_create(name=NAME, defaults={"value": value, "counted_at": counted_at})


def fill_search_keys(*, on_checkpoint: Callable[[], object] = lambda: None) -> None:
    """Write what the admin searches by into rows that an earlier version of the site wrote."""
    images = ImageSource.objects.filter(host="").values_list("pk", "url", "caption")
    for rows in in_chunks(images, size=CHUNK):
        with transaction.atomic():
            for pk, url, caption in rows:
                # Not if it was replaced since.
                same = ImageSource.objects.filter(pk=pk, url=url, caption=caption)
                same.update(**image_keys(url, caption))
        on_checkpoint()
    items = ChecklistItem.objects.filter(text_key="").values_list("pk", "text")
    for rows in in_chunks(items, size=CHUNK):
        with transaction.atomic():
            for pk, text in rows:
                ChecklistItem.objects.filter(pk=pk, text=text).update(text_key=search_key(text))
        on_checkpoint()
