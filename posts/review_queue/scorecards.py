"""Scorecards: what became of the posts of a generator, a model, a prompt version, a scenario or a stack.

They are read from the sums that posts.review_queue.scoring keeps, so a page costs the same on a site of any size.
docs/scorecards.md defines each number. A share and its interval are hidden below LEAST cases.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet

from posts.models import Generator, Job, Review, Score
from posts.review_queue.intervals import Interval, newcombe_interval, wilson_interval
from posts.review_queue.scoring import COLUMNS

# Fewer cases than that say nothing.
LEAST = 30
SHOWN = 100
# As many generators as a page reads; models and prompt versions are added up from theirs.
MOST_GENERATORS = 2000
NOT_STATED = "Not stated"


class By(StrEnum):
    """What scorecards are about."""

    GENERATOR = "generator"
    MODEL = "model"
    PROMPT = "prompt"
    SCENARIO = "scenario"
    STACK = "stack"


# The columns of a generator that the cards of several have in common.
_COLUMNS = {By.MODEL: "model_version", By.PROMPT: "prompt_version"}


@dataclass(frozen=True)
class Share:
    """A share of some posts among others. part, whole: the numbers of posts."""

    part: int
    whole: int

    @property
    def is_shown(self) -> bool:
        return self.whole >= LEAST

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None below LEAST."""
        return self.part / self.whole if self.is_shown else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the share; None below LEAST."""
        return wilson_interval(self.part, self.whole) if self.is_shown else None

    def less(self, other: "Share") -> tuple[float, Interval] | None:
        """Return the difference to another share with its 95 % interval; None if either is below LEAST."""
        if not (self.is_shown and other.is_shown):
            return None
        interval = newcombe_interval(self.part, self.whole, other.part, other.whole)
        return self.part / self.whole - other.part / other.whole, interval


@dataclass(frozen=True)
class Card:
    """One scorecard. key: its name in addresses; name: for people; counts: by COLUMNS; reasons: {code: posts}."""

    by: By
    key: str
    name: str
    counts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    def count(self, column: str) -> int:
        return self.counts.get(column, 0)

    @property
    def approval(self) -> Share:
        return Share(self.count("approved"), self.count("decided"))

    @property
    def editing(self) -> Share:
        return Share(self.count("edited"), self.count("accepted"))

    @property
    def reporting(self) -> Share:
        return Share(self.count("reported"), self.count("released"))

    @property
    def shares(self) -> dict[str, Share]:
        """The shares by their names in files."""
        return {"approval": self.approval, "edited": self.editing, "reported": self.reporting}

    @property
    def words(self) -> float | None:
        """The mean number of changed words of an edited post; None below LEAST edited posts."""
        return _mean(self.count("changed_words"), self.count("edited"))

    @property
    def minutes(self) -> float | None:
        """The mean minutes of a decision; None below LEAST measured ones."""
        return _mean(self.count("seconds") / 60, self.count("timed"))

    @property
    def reason_rows(self) -> list[tuple[str, int]]:
        """[(words of a reason, posts)], most posts first."""
        labels = dict(Review.ReasonCode.choices) | {"": "No reason chosen, only a comment"}
        rows = [(str(labels.get(code, code)), count) for code, count in self.reasons.items()]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def as_json(self) -> dict[str, Any]:
        """Return the card as JSON. Shares and means are null below LEAST cases."""
        shares = {
            name: {
                "part": share.part,
                "of": share.whole,
                "share": share.value,
                "interval": list(share.interval) if share.interval else None,
            }
            for name, share in self.shares.items()
        }
        return {
            "by": self.by.value,
            "key": self.key,
            "name": self.name,
            "came_in": self.count("came_in"),
            "in_bulk_only": self.count("in_bulk"),
            "revoked": self.count("revoked"),
            **shares,
            "reasons": {code or "none": count for code, count in self.reasons.items()},
            "changed_words": self.count("changed_words"),
            "changed_words_per_edited_post": self.words,
            "reports": self.count("reports"),
            "decisions_with_time": self.count("timed"),
            "minutes_per_decision": self.minutes,
        }


@dataclass(frozen=True)
class Comparison:
    """The difference of two cards: `one` less `other`. differences: by the names of Card.shares; None if hidden."""

    one: Card
    other: Card

    @property
    def differences(self) -> dict[str, tuple[float, Interval] | None]:
        other = self.other.shares
        return {name: share.less(other[name]) for name, share in self.one.shares.items()}

    def as_json(self) -> dict[str, Any]:
        differences = {
            name: {"difference": found[0], "interval": list(found[1])} if found else None
            for name, found in self.differences.items()
        }
        return {"one": self.one.as_json(), "other": self.other.as_json(), "differences": differences}


def cards(by: By) -> list[Card]:
    """Return the cards of the SHOWN with most posts, in a fixed number of queries."""
    return sorted(_cards(by, _rows(by)), key=lambda card: (-card.count("came_in"), card.name))[:SHOWN]


def card_of(by: By, key: str) -> Card | None:
    """Return one card, or None: no post has this key."""
    rows = _rows(by) if by in _COLUMNS else _rows(by).filter(name=key)
    return next((card for card in _cards(by, rows) if card.key == key), None)


def card_of_generator(generator: Generator) -> Card:
    """Return the card of a generator; an empty one if nothing came in."""
    key = str(generator.pk)
    return card_of(By.GENERATOR, key) or Card(By.GENERATOR, key, generator.name)


def counted_at() -> datetime | None:
    """Return when the scorecards were updated last, or None."""
    return Job.objects.filter(name="score generators").values_list("last_success_at", flat=True).first()


def _rows(by: By) -> QuerySet[Score]:
    kind = by.value if by in (By.SCENARIO, By.STACK) else Score.Kind.GENERATOR.value
    return Score.objects.filter(kind=kind).order_by("-came_in", "name")


def _cards(by: By, scores: QuerySet[Score]) -> list[Card]:
    """Return the cards of sums, in their order."""
    if by in (By.SCENARIO, By.STACK):
        return [_card(by, row.name, row.name, [row]) for row in scores[:SHOWN]]
    rows = list(scores[:MOST_GENERATORS])
    generators = Generator.objects.in_bulk([int(row.name) for row in rows if row.name])
    alike: dict[tuple[str, str], list[Score]] = {}
    for row in rows:
        generator = generators.get(int(row.name)) if row.name else None
        if by in _COLUMNS:
            value = getattr(generator, _COLUMNS[by], "")
            key = (value, value)
        else:
            key = (row.name, generator.name if generator else "")
        alike.setdefault(key, []).append(row)
    return [_card(by, *key, found) for key, found in alike.items()]


def _card(by: By, key: str, name: str, rows: Iterable[Score]) -> Card:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in rows:
        counts.update({column: getattr(row, column) for column in COLUMNS})
        reasons.update(row.reasons)
    return Card(by, key, name or NOT_STATED, counts, reasons)


def _mean(total: float, count: int) -> float | None:
    return total / count if count >= LEAST else None
