"""The order of the queue and its filters: highest risk score first, then longest waiting, then by number."""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from posts.models import QueueEntry, QueueLabel, Revision
from posts.review_queue.weights import CODES, GENERATOR, WAITING

ORDER = ("-points", "waiting_since", "post")
REVERSED = ("points", "-waiting_since", "-post")
MAX_ID = 2**63 - 1
# Somebody who looks for a longer wait than that finds nothing anyway.
MAX_DAYS = 10_000

STATES = {
    "new": ("New text", Q(live_version="")),
    "change": ("Changes a live text", ~Q(live_version="")),
    "back": ("Back after edits", Q(is_back=True)),
    "imported": ("Came by import", Q(status=Revision.Status.DRAFTED)),
    "submitted": ("Submitted by a person", Q(status=Revision.Status.IN_REVIEW)),
}


class Place(NamedTuple):
    """The position of an entry in the order. It outlives the entry, so that the next one is found after a decision."""

    points: int
    waiting_since: datetime
    post_id: int

    def __str__(self):
        return f"{self.points}~{self.waiting_since.timestamp():.6f}~{self.post_id}"

    @classmethod
    def parse(cls, text):
        """Return the Place that str() wrote, or None for any other text."""
        try:
            points, since, post_id = text.split("~")
            place = cls(
                int(points), datetime.fromtimestamp(float(since), timezone.get_current_timezone()), int(post_id)
            )
        except (ValueError, OverflowError, OSError, AttributeError):
            return None
        return place if 0 <= place.points <= 2**31 - 1 and 0 <= place.post_id <= MAX_ID else None


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
    def from_query(cls, query):
        """Return the view of a query string or a mapping such as request.GET; invalid values are ignored."""
        given = dict(parse_qsl(query, max_num_fields=50)) if isinstance(query, str) else query.dict()
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

    def query(self):
        """Return the query string that names this view; "" for everything."""
        return urlencode({field.name: value for field in fields(self) if (value := getattr(self, field.name))})

    @property
    def filters(self):
        """The number of active filters."""
        return sum(bool(getattr(self, field.name)) for field in fields(self))

    def without(self, name):
        """Return the same view without one of its filters."""
        return replace(self, **{name: None if name in ("batch", "days") else ""})

    def entries(self, *, by, now=None):
        """Return the QueueEntries that it shows to the person `by`, unordered."""
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
        return QueueEntry.objects.filter(*filter(None, conditions))

    def countable(self, *, by, now=None):
        """Return rows to count in place of entries(); for one reason or stack, by one index scan."""
        if self == QueueView(reason=self.reason) and self.reason not in ("", GENERATOR, WAITING):
            return _labels(QueueLabel.Kind.REASON, self.reason)
        if self.stack and self == QueueView(stack=self.stack):
            return _labels(QueueLabel.Kind.STACK, self.stack)
        return self.entries(by=by, now=now)


def _condition_of_reason(reason: str) -> Q | Exists:
    columns = {GENERATOR: "generator_points", WAITING: "age_points"}
    return Q((f"{columns[reason]}__gt", 0)) if reason in columns else _has(QueueLabel.Kind.REASON, reason)


def _condition_of_person(whose: str, by: User, now: datetime) -> Q:
    """Return the condition that a post is assigned to somebody, or claimed at this moment ("held")."""
    if whose == "held":
        return Q(held_by__isnull=False, held_until__gt=now)
    return Q(assigned_to={"me": by, "nobody": None}[whose] if whose in ("me", "nobody") else int(whose))


def _labels(kind, name):
    return QueueLabel.objects.filter(kind=kind, name=name)


def _has(kind, name):
    return Exists(_labels(kind, name).filter(entry=OuterRef("pk")))


def _number(text, most):
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if 0 < int(text) <= most else None


def after(entries, place):
    """Return those of `entries` that come after `place`, in order."""
    return entries.filter(
        Q(points__lt=place.points)
        | Q(points=place.points, waiting_since__gt=place.waiting_since)
        | Q(points=place.points, waiting_since=place.waiting_since, post__gt=place.post_id),
        # Said twice, so that both engines begin the walk there.
        points__lte=place.points,
    ).order_by(*ORDER)


def before(entries, place):
    """Return those of `entries` that come before `place`, nearest first."""
    return entries.filter(
        Q(points__gt=place.points)
        | Q(points=place.points, waiting_since__lt=place.waiting_since)
        | Q(points=place.points, waiting_since=place.waiting_since, post__lt=place.post_id),
        points__gte=place.points,
    ).order_by(*REVERSED)


def place_of(post_id):
    """Return the Place of a pending post, or None. Call it before a decision takes the post off the queue."""
    row = QueueEntry.objects.filter(post=post_id).values_list("points", "waiting_since", "post_id").first()
    return Place(*row) if row else None


def next_item(view, after_place=None, *, by, now=None):
    """Return the QueueEntry (with its post) that `by` should review next in `view`; None at the end.

    It is the first after `after_place` (None: from the top) that nobody else has claimed.
    """
    return _free(after(view.entries(by=by, now=now), after_place) if after_place else _top(view, by, now), by, now)


def previous_item(view, before_place, *, by, now=None):
    """Return the QueueEntry (with its post) before `before_place` that nobody else has claimed, or None."""
    return _free(before(view.entries(by=by, now=now), before_place), by, now)


def _top(view, by, now):
    return view.entries(by=by, now=now).order_by(*ORDER)


def _free(entries, by, now):
    free = Q(held_by=None) | Q(held_by=by) | Q(held_until__lte=now or timezone.now())
    return entries.filter(free).select_related("post").first()
