"""Statistics about the whole site, counted by a background job: pages must not count a million rows."""

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F
from django.utils import timezone

from posts.db.prepared_query import PreparedQuery
from posts.db.unchanged import Unchanged
from posts.models import ListedText, Origin, Post, QueueEntry, Revision, SiteFigure
from posts.models.authorship import TYPED, WRITERS
from posts.models.origin import declared_origin
from posts.page_cache.shared_cache import cache_get, cache_set

# A new name whenever versions of the site that run side by side count different things.
NAME = "states and origins"
GENERATORS_SHOWN = 20
# Older statistics mean that no background job runs: then the page counts them itself and keeps them for a minute.
STALE_AFTER = timedelta(minutes=15)
STATS_SECONDS = 60
NEVER = datetime.min.replace(year=1970, tzinfo=UTC)


# [name, listed posts, waiting posts], as JSON keeps it.
_Row = list[Any]
# The states of a post, one for each post: their counts add up to all posts.
STATES = ("listed", "unlisted", "flagged", "waiting", "sent_back", "rejected", "unreleased", "withdrawn")


@dataclass(frozen=True)
class SiteStats:
    """The number of posts in each of STATES.

    listed, unlisted, flagged: readers see an approved text, and lists name it, or don't, or a flag is open. waiting,
    sent_back, rejected, unreleased (a draft, or approved for later): no text was released. withdrawn: whatever it was
    before. newer_waiting: those of the first three whose newer text is pending review; each post counts once, by its
    live text. median_review: the median time of the active reviews of listed posts, or None. generators: [[name,
    listed posts, waiting posts]]. origins: the same by origin (one of WRITERS), without empty ones.
    """

    counted_at: datetime
    listed: int = 0
    unlisted: int = 0
    flagged: int = 0
    waiting: int = 0
    sent_back: int = 0
    rejected: int = 0
    unreleased: int = 0
    withdrawn: int = 0
    newer_waiting: int = 0
    median_review: datetime | None = None
    generators: list[_Row] = field(default_factory=list)
    origins: list[_Row] = field(default_factory=list)

    @property
    def listed_origins(self) -> set[str]:
        """The origins of listed posts."""
        return {origin for origin, listed, _ in self.origins if listed}

    @property
    def total(self) -> int:
        """All posts."""
        return sum(getattr(self, state) for state in STATES)

    @property
    def approved(self) -> int:
        """Posts with an approved text and no flag."""
        return self.listed + self.unlisted

    @property
    def median_days(self) -> int | None:
        """Whole days since the median review, or None."""
        return (self.counted_at - self.median_review).days if self.median_review else None


def store_site_stats() -> None:
    """Count everything and store it for the pages that show it.

    Another count that was stored meanwhile may know of a declaration that this one missed, so it is counted again.
    """
    while True:
        row, _ = SiteFigure.objects.get_or_create(name=NAME, defaults={"counted_at": NEVER})
        value = _to_plain(count_site_stats())
        counted_at = datetime.fromisoformat(value.pop("counted_at"))
        unchanged = SiteFigure.objects.filter(name=NAME, counted_at=row.counted_at)
        if unchanged.update(value=value, counted_at=counted_at):
            return


def count_site_stats() -> SiteStats:
    """Return the current SiteStats. Each count scans an index or a narrow table."""
    counted = _counts()
    # If the site's own switch is off, nothing is listed.
    listed = (
        min(counted["rows_of_lists"] - counted["rows_of_held"], counted["live"] - counted["flagged"])
        if settings.INDEXING
        else 0
    )
    waiting = counted["waiting"] - counted["newer_waiting"]
    settled = counted["live"] + waiting + counted["sent_back"] + counted["rejected"] + counted["withdrawn"]
    reviews = ListedText.objects.order_by("-reviewed_at", "-post").values_list("reviewed_at", flat=True)
    return SiteStats(
        counted_at=timezone.now(),
        listed=listed,
        unlisted=counted["live"] - counted["flagged"] - listed,
        flagged=counted["flagged"],
        waiting=waiting,
        sent_back=counted["sent_back"],
        rejected=counted["rejected"],
        unreleased=counted["all"] - settled,
        withdrawn=counted["withdrawn"],
        newer_waiting=counted["newer_waiting"],
        median_review=reviews[(listed - 1) // 2 :].first() if listed else None,
        generators=_generators(),
        origins=_origins(),
    )


def _origins() -> list[_Row]:
    listed: Counter[str | None] = Counter()
    waiting: Counter[str | None] = Counter()
    for found, rows, path in [(listed, ListedText.objects, "source_batch"), (waiting, QueueEntry.objects, "batch")]:
        origins = rows.order_by().values_list(declared_origin(path, "post__"))
        found.update(dict(origins.annotate(Count("pk"))))
        if unknown := found.pop(None, 0):
            # Without an import: typed here, or listed by a version of the site that did not store the import.
            typed = rows.filter(**{path: None, "post__first_batch": None}).count()
            found.update({TYPED: typed, Origin.NOT_STATED.value: unknown - typed})
    return [[origin, listed[origin], waiting[origin]] for origin in WRITERS if listed[origin] or waiting[origin]]


def _counts() -> dict[str, int]:
    """Return {name: count} of posts, by one statement, so that the counts can't contradict each other."""
    shown = Post.objects.filter(withdrawn_at=None)
    # Without a live text and with nothing proposed: a text that was turned down.
    turned_down = Revision.objects.filter(
        pk=F("post__head_revision"),
        post__withdrawn_at=None,
        post__live_revision=None,
        post__awaits_review=False,
    )
    parts = {
        "all": Post.objects.all(),
        "withdrawn": Post.objects.filter(withdrawn_at__isnull=False),
        "ever_live": Post.objects.filter(live_revision__isnull=False),
        "live_withdrawn": Post.objects.filter(live_revision__isnull=False, withdrawn_at__isnull=False),
        "flagged": shown.filter(needs_human_review=True, live_revision__isnull=False),
        "rows_of_lists": ListedText.objects.all(),
        "rows_of_held": ListedText.objects.filter(post__held=True),
        "waiting": Post.objects.waiting(),
        "newer_waiting": Post.objects.waiting().filter(live_revision__isnull=False),
        "sent_back": turned_down.filter(status=Revision.Status.CHANGES_REQUESTED),
        "rejected": turned_down.filter(status=Revision.Status.REJECTED),
    }
    selected: list[str] = []
    params: list[Any] = []
    for rows in parts.values():
        sql, values = rows.order_by().values("pk").query.sql_with_params()
        # Django's own SQL, with separate values.
        selected.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608
        params += values
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(selected)}", params)
        counted = dict(zip(parts, cursor.fetchone(), strict=True))
    # A withdrawn post keeps its pointer; the index of pointers is counted without reading rows.
    return counted | {"live": counted["ever_live"] - counted["live_withdrawn"]}


def _generators() -> list[_Row]:
    found: dict[str, _Row] = {}
    for at, rows in enumerate((ListedText.objects, QueueEntry.objects)):
        for name, count in rows.order_by().values_list("generator").annotate(Count("pk")):
            found.setdefault(name, [name, 0, 0])[at + 1] = count
    return sorted(found.values(), key=lambda row: (-row[1] - row[2], row[0]))[:GENERATORS_SHOWN]


def site_stats(kept: Unchanged | None = None) -> SiteStats:
    """Return the SiteStats from the background job; without one, count now and store nothing.

    kept: what the process keeps, if a statement has confirmed it.
    """
    rows = kept.get("site stats", _stored) if kept else _stored()
    if rows:
        figures = _from_row(rows[0])
        if figures.counted_at > timezone.now() - STALE_AFTER:
            return figures
    kept = cache_get("site-figures")
    # Others can write to a shared cache, such as another version of the site.
    if isinstance(kept, dict) and kept.keys() == {field.name for field in fields(SiteStats)}:
        return _from_plain(kept)
    figures = count_site_stats()
    cache_set("site-figures", _to_plain(figures), STATS_SECONDS)
    return figures


def _stored() -> list[tuple[Any, ...]]:
    return _stored_query(connection.vendor).raw_rows(name=NAME)


@lru_cache(maxsize=2)
def _stored_query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda name: SiteFigure.objects.filter(name=name).values_list("value", "counted_at"), name=str)


@lru_cache(maxsize=2)
def _from_row(row: tuple[Any, ...]) -> SiteStats:
    """Return the SiteStats of a row as the driver gives it: the same object until another row is read."""
    ((value, counted_at),) = _stored_query(connection.vendor).converted([row])
    return _from_plain(value | {"counted_at": counted_at.isoformat()})


def _to_plain(figures: SiteStats) -> dict[str, Any]:
    """Return the figures as values of JSON; _from_plain() reads them."""
    median = figures.median_review
    times = {"counted_at": figures.counted_at.isoformat(), "median_review": median.isoformat() if median else None}
    return asdict(figures) | times


def _from_plain(value: dict[str, Any]) -> SiteStats:
    median = value.get("median_review")
    times = {
        "counted_at": datetime.fromisoformat(value["counted_at"]),
        "median_review": datetime.fromisoformat(median) if median else None,
    }
    return SiteStats(**value | times)
