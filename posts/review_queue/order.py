"""The order of the queue and its filters: highest risk score first, then longest waiting, then by number."""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from posts.db.keyset import Cursor, PageOrder
from posts.models import QueueEntry, QueueLabel, Revision
from posts.models.review_limit import limits_of
from posts.review_queue.weights import CODES, GENERATOR, WAITING

ORDER = PageOrder(("-points", int), ("waiting_since", datetime), ("post_id", int))
MAX_ID = 2**63 - 1
# Somebody who looks for a longer wait than that finds nothing anyway.
MAX_DAYS = 10_000

STATES = {
    "new": ("New post", Q(live_version="")),
    "change": ("Changes a live post", ~Q(live_version="")),
    "back": ("Resubmitted after changes", Q(is_back=True)),
    "imported": ("Imported", Q(status=Revision.Status.DRAFTED)),
    "submitted": ("Submitted by a person", Q(status=Revision.Status.IN_REVIEW)),
}


@dataclass(frozen=True)
class QueueView:
    """A filter of the queue; with all fields empty, everything that is pending.

    reason: a code of posts.review_queue.weights. state: a key of STATES. stack, generator: as the record names them.
    batch: the number of an import. days: pending for at least so many days. whose: "me", "nobody", "held" (claimed by
    anybody), or the primary key of an account.
    """

    reason: str = ""
    state: str = ""
    stack: str = ""
    generator: str = ""
    batch: int | None = None
    days: int | None = None
    whose: str = ""

    @classmethod
    def from_query(cls, query: str | QueryDict) -> Self:
        """Return the view of a query string or of request.GET; invalid values are ignored."""
        given: dict[str, Any] = dict(parse_qsl(query, max_num_fields=50)) if isinstance(query, str) else query.dict()
        values = {field.name: str(given.get(field.name, "")).replace("\x00", "").strip() for field in fields(cls)}
        whose = values["whose"]
        return cls(
            reason=values["reason"] if values["reason"] in CODES else "",
            state=values["state"] if values["state"] in STATES else "",
            stack=values["stack"][:100],
            generator=values["generator"][:200],
            batch=_number(values["batch"], MAX_ID),
            days=_number(values["days"], MAX_DAYS),
            whose=whose if whose in ("me", "nobody", "held") or _number(whose, MAX_ID) else "",
        )

    def query(self) -> str:
        """Return the query string that names this view; "" for everything."""
        return urlencode({field.name: value for field in fields(self) if (value := getattr(self, field.name))})

    @property
    def filters(self) -> int:
        """The number of active filters."""
        return sum(bool(getattr(self, field.name)) for field in fields(self))

    def without(self, name: str) -> Self:
        """Return the same view without one of its filters."""
        empty: dict[str, Any] = {name: None if name in ("batch", "days") else ""}
        return replace(self, **empty)

    def entries(self, *, by: User, now: datetime | None = None) -> QuerySet[QueueEntry]:
        """Return the QueueEntries that it shows to the person `by`, unordered: those that they may decide about."""
        now = now or timezone.now()
        conditions = [
            self.reason and _condition_of_reason(self.reason),
            self.state and STATES[self.state][1],
            self.stack and _has(QueueLabel.Kind.STACK, self.stack),
            self.generator and Q(generator=self.generator),
            self.batch and Q(batch=self.batch),
            self.days and Q(waiting_since__lte=now - timedelta(days=self.days)),
            self.whose and _condition_of_person(self.whose, by, now),
        ]
        return within_limits(QueueEntry.objects.filter(*filter(None, conditions)), by=by)

    def countable(self, *, by: User, now: datetime | None = None) -> QuerySet[Any]:
        """Return rows to count in place of entries(); for one reason or stack, by one index scan."""
        if limits_of(by):
            return self.entries(by=by, now=now)
        if self == QueueView(reason=self.reason) and self.reason not in ("", GENERATOR, WAITING):
            return _labels(QueueLabel.Kind.REASON, self.reason)
        if self.stack and self == QueueView(stack=self.stack):
            return _labels(QueueLabel.Kind.STACK, self.stack)
        return self.entries(by=by, now=now)


def within_limits(entries: QuerySet[QueueEntry], *, by: User) -> QuerySet[QueueEntry]:
    """Filter pending posts to those whose proposed text is within the limits of a reviewer.

    Of a page with another stack the operation also reads the live text.
    """
    limits = limits_of(by)
    if limits.stacks:
        of_entry = QueueLabel.objects.filter(kind=QueueLabel.Kind.STACK, entry=OuterRef("pk"))
        theirs = of_entry.filter(name__in=limits.stacks)
        entries = entries.filter(Exists(theirs), ~Exists(of_entry.exclude(name__in=limits.stacks)))
    return entries.filter(generator__in=limits.generators) if limits.generators else entries


def _condition_of_reason(reason: str) -> Q | Exists:
    columns = {GENERATOR: "generator_points", WAITING: "age_points"}
    return Q((f"{columns[reason]}__gt", 0)) if reason in columns else _has(QueueLabel.Kind.REASON, reason)


def _condition_of_person(whose: str, by: User, now: datetime) -> Q:
    """Return the condition that a post is assigned to somebody, or claimed at this moment ("held")."""
    if whose == "held":
        return Q(held_by__isnull=False, held_until__gt=now)
    return Q(assigned_to={"me": by, "nobody": None}[whose] if whose in ("me", "nobody") else int(whose))


def _labels(kind: QueueLabel.Kind, name: str) -> QuerySet[QueueLabel]:
    return QueueLabel.objects.filter(kind=kind, name=name)


def _has(kind: QueueLabel.Kind, name: str) -> Exists:
    return Exists(_labels(kind, name).filter(entry=OuterRef("pk")))


def _number(text: str, most: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if 0 < int(text) <= most else None


def cursor_of(post_id: int) -> Cursor | None:
    """Return the Cursor of a pending post, or None. Call it before a decision takes the post off the queue."""
    entry = QueueEntry.objects.filter(post=post_id).first()
    return ORDER.cursor_of(entry) if entry else None


def next_item(
    view: QueueView, after: Cursor | None = None, *, by: User, now: datetime | None = None
) -> QueueEntry | None:
    """Return the QueueEntry (with its post) that `by` should review next in `view`; None at the end.

    It is the first after a cursor (None: from the top) that nobody else has claimed.
    """
    return _free(ORDER.after(view.entries(by=by, now=now), after), by, now)


def previous_item(view: QueueView, before: Cursor, *, by: User, now: datetime | None = None) -> QueueEntry | None:
    """Return the nearest QueueEntry (with its post) before a cursor that nobody else has claimed, or None."""
    entries = view.entries(by=by, now=now)
    points, since, _ = before
    # Two ranges of the index, each of which begins beside the cursor. One over both would begin at the far end of all
    # posts with the same risk score, which an import makes by the hundred thousand.
    near = ORDER.before(entries.filter(points=points, waiting_since__lte=since), before)
    far = ORDER.before(entries.filter(points__gt=points), None)
    found = [_free(near, by, now), _free(far, by, now)]
    return found[0] or found[1]


def _free(entries: QuerySet[QueueEntry], by: User, now: datetime | None) -> QueueEntry | None:
    free = Q(held_by=None) | Q(held_by=by) | Q(held_until__lte=now or timezone.now())
    return entries.filter(free).select_related("post").first()
