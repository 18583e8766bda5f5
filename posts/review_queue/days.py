"""What came in and what was decided by day, counted in the background: no page counts the rows of two weeks.

count_days() counts what was made before a moment, in DayFigure and in one row for pages. A page counts the rest: the
last few minutes. Until it has run, pages count everything. What is undone or revoked later is counted again with its
day, and once a day all days are, because posts get other generators and are purged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from posts.db.prepared_query import prepared
from posts.models import AuditEntry, DayFigure, Review, SiteFigure

# As far back as decisions about a generator count.
MEMORY = timedelta(days=90)
NAME = "counted days"
MIDNIGHT = "waiting at midnight"
MOST_GENERATORS = 200
# A slow transaction may commit what was made a while ago.
SETTLED = timedelta(minutes=2)
# The keys of the trail follow its times as closely as its transactions are short.
SLACK = timedelta(hours=1)
NEVER = datetime.min.replace(year=1970, tzinfo=UTC)
# {(day, kind, name): [count, standing]}
Figures = dict[tuple[date, str, str], list[int]]


def start_of(day: date) -> datetime:
    """Return the start of a date in the site's time zone, as an aware datetime."""
    return timezone.make_aware(datetime.combine(day, time()))


def whole_decisions() -> QuerySet[Review]:
    """Return the decisions that end a review: not undone, and not approvals in part."""
    return Review.objects.filter(outcome__in=Review.CHOICES, undone_at=None).order_by()


@dataclass(frozen=True)
class Counted:
    """What was counted of all that was made before `until`: for pages, in one row.

    days: {ISO date: [texts that people submitted, decisions that were not undone]}; generators: {name: {outcome:
    decisions that stand}} of MEMORY, of the MOST_GENERATORS with most. zone: by which clock days begin; entry: no entry
    of the trail with a smaller key was made after `until`; whole_on: when everything was counted.
    """

    until: datetime
    zone: str
    whole_on: str
    entry: int = 0
    days: dict[str, list[int]] = field(default_factory=dict)
    generators: dict[str, dict[str, int]] = field(default_factory=dict)


def _counted(row: SiteFigure | None) -> Counted | None:
    """Return what a row says; None if nothing was counted, or by another clock."""
    if row is None or row.value.get("zone") != timezone.get_current_timezone_name():
        return None
    return Counted(**row.value | {"until": datetime.fromisoformat(row.value["until"])})


class DayCounts:
    """The counts as a page shows them: what was counted, and the rest counted now.

    midnight: {"day", "count"} of the pending posts when a day began, or None.
    """

    def __init__(self) -> None:
        rows = SiteFigure.objects.in_bulk([NAME, MIDNIGHT])
        self._known = _counted(rows.get(NAME))
        self.midnight: dict[str, Any] | None = rows[MIDNIGHT].value if MIDNIGHT in rows else None

    def submitted(self, first: date) -> Counter[date]:
        """Return {date: texts that people submitted} from `first` on."""
        entries = _submitted(start_of(first), self._known)
        return self._of_days(first, 0) + _by_day(entries, "made_at")

    def decided(self, first: date) -> Counter[date]:
        """Return {date: decisions that were not undone} from `first` on."""
        reviews = whole_decisions().filter(created_at__gte=_live_from(start_of(first), self._known))
        return self._of_days(first, 1) + _by_day(reviews, "created_at")

    def by_generator(self, since: datetime) -> dict[str, dict[str, int]]:
        """Return {generator: {outcome: decisions that stand}}, of those with most, "" for texts without one.

        since: MEMORY ago; in what was counted that is a whole day.
        """
        counted = self._known.generators if self._known else {}
        return _merged(counted, _live_by_generator(since, self._known))

    def _of_days(self, first: date, which: int) -> Counter[date]:
        days = self._known.days if self._known else {}
        return Counter(
            {date.fromisoformat(day): counts[which] for day, counts in days.items() if day >= first.isoformat()}
        )


def generator_record(*, now: datetime | None = None) -> dict[str, dict[str, int]]:
    """Return {generator: {outcome: number}} of all generators: the decisions of MEMORY that stand.

    The key is "" for texts without a generator.
    """
    since = (now or timezone.now()) - MEMORY
    known = _counted(SiteFigure.objects.filter(name=NAME).first())
    return _merged(_stored_generators(timezone.localdate(since)) if known else {}, _live_by_generator(since, known))


def _stored_generators(after: date) -> dict[str, dict[str, int]]:
    figures = DayFigure.objects.filter(day__gt=after, standing__gt=0).exclude(kind=DayFigure.SUBMITTED).order_by()
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, kind, count in figures.values_list("name", "kind").annotate(Sum("standing")):
        found[name][kind] = count
    return found


def _live_by_generator(since: datetime, known: Counted | None) -> dict[str, dict[str, int]]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, kind, count in _standing_by_generator.rows(since=_live_from(since, known)):
        found[name][kind] = count
    return found


@prepared(since=datetime)
def _standing_by_generator(since: datetime) -> QuerySet[Review, Any]:
    standing = whole_decisions().filter(created_at__gte=since, revoked_at=None)
    return standing.values_list("revision__post__generator", "outcome").annotate(Count("pk"))


def _merged(one: Mapping[str, dict[str, int]], other: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: dict(Counter(one.get(name, {})) + Counter(other.get(name, {}))) for name in {**one, **other}}


def _live_from(start: datetime, known: Counted | None) -> datetime:
    return max(start, known.until) if known else start


def _submitted(start: datetime, known: Counted | None) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.filter(action="submitted", made_at__gte=_live_from(start, known)).order_by()
    return entries.filter(pk__gt=known.entry) if known else entries


def _of_days(rows: Any, column: str) -> Any:
    return rows.annotate(day=TruncDate(column))


def _by_day(rows: QuerySet[Any], column: str) -> Counter[date]:
    return Counter(dict(_of_days(rows, column).values_list("day").annotate(Count("pk"))))


def count_days(*, now: datetime | None = None) -> None:
    """Count what was made since the last call, and again what changed."""
    now = now or timezone.now()
    row, _ = SiteFigure.objects.get_or_create(name=NAME, defaults={"counted_at": NEVER})
    known, today, until = _counted(row), timezone.localdate(now), now - SETTLED
    first = today - MEMORY
    figures: Figures = {}
    changed: set[date] = set()
    # The clock may have been set back.
    is_whole = known is None or known.whole_on != str(today) or known.until > until
    if known is None or is_whole:
        _count(figures, start_of(first), until)
        _count_submitted(figures, _submitted(start_of(first), None).filter(made_at__lt=until))
    else:
        changed = _changed_days(known, row.counted_at - SETTLED, first)
        for day in changed:
            _count(figures, start_of(day), min(start_of(day + timedelta(days=1)), known.until))
        _count(figures, known.until, until)
        _count_submitted(figures, _submitted(known.until, known).filter(made_at__lt=until))
    entry = _entry_before(until - SLACK, known)
    with transaction.atomic():
        # Another worker may have counted meanwhile: then this count is not needed.
        if SiteFigure.objects.filter(name=NAME, counted_at=row.counted_at).update(counted_at=now):
            _store(figures, changed, is_whole)
            counted = Counted(until, timezone.get_current_timezone_name(), str(today), entry, *_for_pages(first))
            SiteFigure.objects.filter(name=NAME).update(value=asdict(counted) | {"until": until.isoformat()})


def _count(figures: Figures, begin: datetime, end: datetime) -> None:
    reviews = whole_decisions().filter(created_at__gte=begin, created_at__lt=end)
    rows = _of_days(reviews, "created_at").values_list("day", "outcome", "revision__post__generator")
    standing = Count("pk", filter=Q(revoked_at=None))
    for day, kind, name, count, stands in rows.annotate(count=Count("pk"), standing=standing):
        _add(figures, (day, kind, name), count, stands)


def _count_submitted(figures: Figures, entries: QuerySet[AuditEntry]) -> None:
    for day, count in _of_days(entries, "made_at").values_list("day").annotate(Count("pk")):
        _add(figures, (day, DayFigure.SUBMITTED, ""), count, 0)


def _add(figures: Figures, key: tuple[date, str, str], count: int, standing: int) -> None:
    sums = figures.setdefault(key, [0, 0])
    sums[0] += count
    sums[1] += standing


def _for_pages(first: date) -> tuple[dict[str, list[int]], dict[str, dict[str, int]]]:
    """Return the days and the generators of a Counted."""
    days: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    rows = DayFigure.objects.filter(day__gte=first).order_by("day").values_list("day", "kind")
    for day, kind, count in rows.annotate(Sum("count")):
        days[str(day)][kind != DayFigure.SUBMITTED] += count
    generators = sorted(_stored_generators(first).items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))
    return dict(days), dict(generators[:MOST_GENERATORS])


def _changed_days(known: Counted, since: datetime, first: date) -> set[date]:
    """Return the counted days with decisions that were undone or revoked since then."""
    reviews = Review.objects.filter(Q(undone_at__gte=since) | Q(revoked_at__gte=since), created_at__lt=known.until)
    days = _of_days(reviews.order_by(), "created_at").values_list("day", flat=True).distinct()
    return {day for day in days if day >= first}


def _entry_before(moment: datetime, known: Counted | None) -> int:
    entries = AuditEntry.objects.filter(action="submitted", made_at__lt=moment).order_by("-pk")
    after = known.entry if known else 0
    return entries.filter(pk__gt=after).values_list("pk", flat=True).first() or after


def _store(figures: Figures, changed: Iterable[date], is_whole: bool) -> None:
    if is_whole:
        DayFigure.objects.all().delete()
    else:
        DayFigure.objects.filter(day__in=changed).exclude(kind=DayFigure.SUBMITTED).delete()
        days = {day for day, _, _ in figures}
        for figure in DayFigure.objects.filter(day__in=days):
            if (key := (figure.day, figure.kind, figure.name)) in figures:
                _add(figures, key, figure.count, figure.standing)
    DayFigure.objects.bulk_create(
        [
            DayFigure(day=day, kind=kind, name=name, count=count, standing=standing)
            for (day, kind, name), (count, standing) in sorted(figures.items())
        ],
        batch_size=500,
        update_conflicts=True,
        update_fields=["count", "standing"],
        unique_fields=["day", "kind", "name"],
    )
