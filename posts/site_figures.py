"""Figures about the whole site, for pages that must not count a million rows: a background job counts them."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F
from django.utils import timezone

from alphanode.shared_cache import keep, recall
from posts.models import ListedText, Origin, Post, QueueEntry, Revision, SiteFigure
from posts.writing import TYPED, WRITERS

# Another name where versions of the site that run side by side count other things.
NAME = "site, with origins"
GENERATORS_SHOWN = 20
# Older figures mean that no background job runs: then the page counts by itself, and keeps that for a minute.
STALE_AFTER = timedelta(minutes=15)
FIGURES_SECONDS = 60


@dataclass(frozen=True)
class SiteFigures:
    """approved: posts that readers can count on; waiting: posts that no person has decided about; listed: those that
    lists name; flagged, sent_back, rejected, withdrawn: posts. median_review: the moment before which half of the
    standing reviews of listed posts were made, or None. generators: [[name, listed posts, waiting posts]]; origins: the
    same by who wrote them (one of WRITERS), without those that wrote none."""

    counted_at: datetime
    approved: int = 0
    waiting: int = 0
    listed: int = 0
    flagged: int = 0
    sent_back: int = 0
    rejected: int = 0
    withdrawn: int = 0
    median_review: datetime | None = None
    generators: list = field(default_factory=list)
    origins: list = field(default_factory=list)

    @property
    def listed_origins(self):
        """The origins of listed posts."""
        return {origin for origin, listed, _ in self.origins if listed}

    @property
    def median_days(self):
        """Whole days since the median review, or None."""
        return (self.counted_at - self.median_review).days if self.median_review else None


def store_figures():
    """Count everything and keep it for the pages that show it."""
    value = asdict(count_figures())
    counted_at, median = value.pop("counted_at"), value["median_review"]
    value["median_review"] = median.isoformat() if median else None
    SiteFigure.objects.update_or_create(name=NAME, defaults={"value": value, "counted_at": counted_at})


def count_figures():
    """The SiteFigures of this moment. Each count walks an index or a narrow table."""
    heads = Revision.objects.filter(pk=F("post__head_revision"), post__withdrawn_at=None)
    # By the site's own switch nothing is listed, whatever rows there are.
    listed = ListedText.objects.count() if settings.INDEXING else 0
    reviews = ListedText.objects.order_by("-reviewed_at", "-post").values_list("reviewed_at", flat=True)
    return SiteFigures(
        counted_at=timezone.now(),
        approved=Post.objects.approved().count(),
        waiting=QueueEntry.objects.count(),
        listed=listed,
        flagged=Post.objects.filter(needs_human_review=True).count(),
        sent_back=heads.filter(status=Revision.Status.CHANGES_REQUESTED).count(),
        rejected=heads.filter(status=Revision.Status.REJECTED).count(),
        withdrawn=Post.objects.filter(withdrawn_at__isnull=False).count(),
        median_review=reviews[(listed - 1) // 2] if listed else None,
        generators=_generators(),
        origins=_origins(),
    )


def _origins():
    listed, waiting = Counter(), Counter()
    for found, rows, path in [(listed, ListedText.objects, "source_batch"), (waiting, QueueEntry.objects, "batch")]:
        found.update(dict(rows.order_by().values_list(f"{path}__origin").annotate(Count("pk"))))
        if unknown := found.pop(None, 0):
            # Without an import's text: typed here, or listed by a version of the site that did not keep the import.
            typed = rows.filter(**{path: None, "post__first_batch": None}).count()
            found.update({TYPED: typed, Origin.NOT_STATED.value: unknown - typed})
    return [[origin, listed[origin], waiting[origin]] for origin in WRITERS if listed[origin] or waiting[origin]]


def _generators():
    found = {}
    for at, rows in enumerate((ListedText.objects, QueueEntry.objects)):
        for name, count in rows.order_by().values_list("generator").annotate(Count("pk")):
            found.setdefault(name, [name, 0, 0])[at + 1] = count
    return sorted(found.values(), key=lambda row: (-row[1] - row[2], row[0]))[:GENERATORS_SHOWN]


def site_figures():
    """The SiteFigures as the background job left them; counted here, and not written, where none runs."""
    row = SiteFigure.objects.filter(name=NAME).first()
    if row is not None and row.counted_at > timezone.now() - STALE_AFTER:
        value = dict(row.value)
        if median := value.get("median_review"):
            value["median_review"] = datetime.fromisoformat(median)
        return SiteFigures(counted_at=row.counted_at, **value)
    figures = recall("site-figures")
    if not isinstance(figures, SiteFigures):
        figures = count_figures()
        keep("site-figures", figures, FIGURES_SECONDS)
    return figures
