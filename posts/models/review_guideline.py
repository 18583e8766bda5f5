"""The review guideline: what a reviewer answers before an approval.

A change is a new version; the points of a version never change.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from posts.models.fields import OrderedJSONField
from posts.models.post import generator_of
from posts.models.review import Review
from posts.records.schema import RecordDict

# A fence, an indented line after a blank one, or code in HTML. It finds too much rather than too little: a point can be
# answered with "not applicable".
_CODE = re.compile(
    r"^[ \t>*+-]*(?:```|~~~)|(?:\A|\n[ \t>]*\n)[ >]*(?: {4}|\t)[ \t]*\S|<(?:pre|code)\b", re.MULTILINE | re.IGNORECASE
)


class ReviewGuideline(models.Model):
    """One version of the guideline. Reviews point to the version that they answered."""

    # The number is the key, so that a decision names its version without another query.
    number = models.PositiveIntegerField(primary_key=True)
    note = models.CharField(max_length=500, blank=True, db_default="", help_text="What changed, and why.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"Version {self.number} of the review guideline"


class PointQuerySet(models.QuerySet["GuidelinePoint"]):
    """Points of versions, in the order of each."""

    def current(self) -> Self:
        """Filter to the points of the newest version."""
        return self.filter(guideline=ReviewGuideline.objects.order_by("-number").values("number")[:1])


class GuidelinePoint(models.Model):
    """One point of a version. Its key is the same in each version that has it."""

    class Kind(models.TextChoices):
        CODE = "code", "Posts with code"
        IMAGES = "images", "Posts with images"

    guideline = models.ForeignKey(ReviewGuideline, models.CASCADE, related_name="points", db_index=False)
    key = models.SlugField(max_length=40, db_index=False)
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=300)
    help_text = models.CharField("help", max_length=1000, blank=True, db_default="")
    is_required = models.BooleanField("required", default=True, db_default=True)
    reason_code = models.CharField(max_length=20, choices=Review.ReasonCode)
    stacks = OrderedJSONField(default=list, blank=True, db_default=[])
    kinds = OrderedJSONField(default=list, blank=True, db_default=[])
    generators = OrderedJSONField(default=list, blank=True, db_default=[])

    objects = PointQuerySet.as_manager()

    class Meta:
        ordering = ["guideline", "position"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["guideline", "key"], name="guideline_key_once"),
            models.UniqueConstraint(fields=["guideline", "position"], name="guideline_position_once"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_for_all(self) -> bool:
        """Whether the point is asked about every post."""
        return not (self.stacks or self.kinds or self.generators)

    @property
    def scope_words(self) -> str:
        """Which posts it is asked about."""
        kinds = [str(self.Kind(kind).label) for kind in self.kinds]
        stacks = [f"stack {' or '.join(self.stacks)}"] if self.stacks else []
        generators = [f"generator {' or '.join(self.generators)}"] if self.generators else []
        return "; ".join([*kinds, *stacks, *generators]) or "All posts"

    def applies_to(self, record: RecordDict, *, generator: str = "") -> bool:
        """Return whether the point is asked about a text: it is of one of the kinds, stacks and generators named.

        generator: the one that the post belongs to; the one that its record names counts too.
        """
        return (
            _among(self.stacks, record.get("stack", ()))
            and (not self.kinds or any(KINDS[kind](record) for kind in self.kinds))
            and _among(self.generators, [generator, generator_of(record.get("payload", {}))])
        )


def _among(wanted: Iterable[str], found: Iterable[Any]) -> bool:
    names = {name.casefold() for name in wanted}
    return not names or not names.isdisjoint(str(name).casefold() for name in found)


def _has_code(record: RecordDict) -> bool:
    return any(_CODE.search(record.get(field) or "") for field in ("intro", "body"))


KINDS: Mapping[str, Callable[[RecordDict], bool]] = {
    GuidelinePoint.Kind.CODE: _has_code,
    GuidelinePoint.Kind.IMAGES: lambda record: bool(record.get("image_sources")),
}
