"""The points of the review guideline in a form: what it shows, and what a person answered in it."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import QueryDict

from posts.admin.lists import number_in
from posts.models import GuidelinePoint, Review
from posts.operations.guideline import Answers, points_asked
from posts.records.schema import RecordDict

_FIELD = re.compile(r"answer-([\w-]{1,40})")
# The largest number of a version, and a moment (Unix time) that every clock and database knows.
MOST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class PointShown:
    """A point with what was answered. number: its place in the form. is_new: the person has not seen it before."""

    point: GuidelinePoint
    number: int
    answer: str = ""
    is_new: bool = False

    @property
    def key(self) -> int | None:
        """The key of the keyboard that answers it."""
        return self.number if self.number <= 9 else None

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """The answers: (value, words, whether it is chosen)."""
        return [(answer.value, str(answer.label), answer.value == self.answer) for answer in Review.Answer]


def answers_in(sent: QueryDict) -> Answers:
    """Return what a form says to the points of the guideline."""
    given = {match[1]: answer for name in sent if (match := _FIELD.fullmatch(name)) and (answer := sent.get(name))}
    opened = number_in(sent.get("opened", ""), most=MOST_NUMBER)
    return Answers(
        given=given,
        version=number_in(sent.get("guideline", ""), most=MOST_NUMBER),
        opened_at=None if opened is None else datetime.fromtimestamp(opened, tz=UTC),
    )


@dataclass(frozen=True)
class PointsAsked:
    """The points of the newest guideline that apply to a text, for a form.

    version: its number, or None without a guideline. opened: when the form was opened (Unix time). failed_reason: the
    reason code that the first failed point leads to.
    """

    version: int | None
    opened: int
    points: list[PointShown]
    failed_reason: str

    @property
    def required_points(self) -> int:
        """The number of required points."""
        return len(self._required)

    @property
    def open_points(self) -> int:
        """The number of required points without an answer."""
        return sum(not one.answer for one in self._required)

    @property
    def failed_points(self) -> int:
        """The number of required points that are not met."""
        return sum(one.answer == Review.Answer.NOT_MET for one in self._required)

    @property
    def _required(self) -> list[PointShown]:
        return [one for one in self.points if one.point.is_required]


def points_shown(record: RecordDict, typed: Answers | None = None, *, opened: int | None = None) -> PointsAsked:
    """Return the points that a form asks about a text. typed: of a form that came back."""
    typed = typed or Answers()
    asked = points_asked(record)
    came_back = typed.version is not None and typed.version != asked.version
    failed = asked.failed(typed)
    return PointsAsked(
        version=asked.version,
        opened=opened or int(time.time()),
        points=[
            PointShown(
                point,
                number,
                typed.given.get(point.key, ""),
                is_new=came_back and point.is_required and point.key not in typed.given,
            )
            for number, point in enumerate(asked.points, 1)
        ],
        failed_reason=failed[0].reason_code if failed else "",
    )


def answered_words(answers: Answers) -> list[tuple[str, str]]:
    """Return [(point, answer)] in words, for a person who can't send their form."""
    texts = dict(GuidelinePoint.objects.filter(guideline=answers.version).values_list("key", "text"))
    words = dict(Review.Answer.choices)
    return [(texts[key], str(words[value])) for key, value in answers.given.items() if key in texts and value in words]
