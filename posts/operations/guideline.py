"""The review guideline in an operation: a new version of it, and which points a decision answers.

An approval answers every required point that its text asks for. The version that was the newest when the person opened
the form counts, if that was at most FORM_LASTS ago and no newer version asks for more.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import slugify

from posts.errors import LONG_WORDS, GuidelineMoved, Refused, checked_words, require_person
from posts.models import GuidelinePoint, Post, Review, ReviewGuideline
from posts.operations.frame import note, operation
from posts.records.schema import RecordDict

FORM_LASTS = datetime.timedelta(hours=24)
MOST_POINTS = 30
Answer = Review.Answer


@dataclass(frozen=True)
class Answers:
    """What a person says to the points of the guideline.

    given: values of Review.Answer by the keys of points. version: that the person read; None: the newest. opened_at:
    when they opened the form (aware), if there was one.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    opened_at: datetime.datetime | None = None

    def checked(self) -> "Answers":
        """Return it; Refused for an answer that does not exist."""
        if not set(self.given.values()) <= set(Answer.values):
            raise Refused("Answer each point with met, not_met or not_applicable.")
        return self


@dataclass(frozen=True)
class Asked:
    """The points of a version that one text asks for. version: 0 if the site has no guideline."""

    version: int
    points: Sequence[GuidelinePoint]

    @property
    def required(self) -> list[GuidelinePoint]:
        return [point for point in self.points if point.is_required]

    def kept(self, answers: Answers) -> dict[str, str]:
        """Return the answers to these points, in their order."""
        return {point.key: answers.given[point.key] for point in self.points if point.key in answers.given}

    def failed(self, answers: Answers) -> list[GuidelinePoint]:
        """Return the points that are not met, required ones first."""
        found = [point for point in self.points if answers.given.get(point.key) == Answer.NOT_MET]
        return sorted(found, key=lambda point: not point.is_required)


def points_asked(record: RecordDict, version: int | None = None) -> Asked:
    """Return the points that a text asks for: of a version, by default of the newest.

    One query, and one more if a point is about generators.
    """
    points = GuidelinePoint.objects.all()
    points = points.current() if version is None else points.filter(guideline=version)
    found = list(points.order_by("position"))
    number = found[0].guideline_id if found else 0
    generator = ""
    if any(point.generators for point in found):
        # The record could name another one: its sender wrote it.
        posts = Post.objects.filter(source_id=record.get("source_id", ""))
        generator = posts.values_list("known_generator__name", flat=True).first() or ""
    return Asked(number, [point for point in found if point.applies_to(record, generator=generator)])


def version_that_counts(record: RecordDict, answers: Answers, *, now: datetime.datetime | None = None) -> Asked:
    """Return the points that an approval has to answer; raise GuidelineMoved if the person must read a newer version.

    Refused if the site has no guideline, or not this version.
    """
    newest = points_asked(record)
    if not newest.version:
        raise Refused("This site has no review guideline, so nothing can be approved. Ask an administrator for one.")
    if answers.version is None or answers.version == newest.version:
        return newest
    if answers.version > newest.version or not (read := points_asked(record, answers.version)).version:
        raise Refused(f"The review guideline has no version {answers.version}.")
    known = {point.key for point in read.required}
    added = [point for point in newest.required if point.key not in known]
    if added or not _was_open_lately(answers, now or timezone.now()):
        raise GuidelineMoved([point.text for point in added])
    return read


def _was_open_lately(answers: Answers, now: datetime.datetime) -> bool:
    """Return whether the version was read at most FORM_LASTS ago: what a form says, and when the version ended."""
    if answers.opened_at is not None and answers.opened_at < now - FORM_LASTS:
        return False
    return ReviewGuideline.objects.filter(number=(answers.version or 0) + 1, created_at__gte=now - FORM_LASTS).exists()


def answer_obstacles(asked: Asked, answers: Answers) -> list[str]:
    """Return in words which required points prevent an approval: those without an answer, and those not met."""
    open_points = [point for point in asked.required if not answers.given.get(point.key)]
    failed = [point for point in asked.failed(answers) if point.is_required]
    obstacles = []
    if open_points:
        count = len(open_points)
        obstacles.append(f"{count} of the review guideline not answered: {' '.join(map(named, open_points))}")
    if failed:
        obstacles.append(f"Not met, so request changes or reject: {' '.join(map(named, failed))}")
    return obstacles


def named(point: GuidelinePoint) -> str:
    """Return a point in words, with its key, which the command takes."""
    return f"{point.text.rstrip('.')} ({point.key})."


@dataclass(frozen=True)
class PointDraft:
    """A point of a version to be. key: of the earlier version; "" for a new point."""

    text: str
    reason_code: str
    key: str = ""
    help_text: str = ""
    is_required: bool = True
    stacks: Sequence[str] = ()
    kinds: Sequence[str] = ()
    generators: Sequence[str] = ()


@operation
def save_guideline(drafts: Iterable[PointDraft], *, by: User, read: int, why: str = "") -> ReviewGuideline:
    """Make a new version of the guideline from `drafts`, in their order; return it. Earlier versions stay as they are.

    read: the number of the version that the person changed. Refused if a newer one exists or nothing changes.
    """
    require_person(by, "change_reviewguideline")
    why = checked_words(why, name="The note")
    versions = ReviewGuideline.objects.order_by("-number")
    # Two people who save at once wait here for each other; the second then reads what the first has saved.
    versions.select_for_update().first()
    newest = versions.first()
    number = newest.number if newest else 0
    if number != read:
        raise GuidelineMoved([], saved=True)
    before = list(GuidelinePoint.objects.filter(guideline=number).order_by("position"))
    points = _points(list(drafts), known=before)
    if list(map(_content, points)) == list(map(_content, before)):
        raise Refused("Nothing changed, so there is no new version.")
    made = ReviewGuideline.objects.create(number=number + 1, note=why, made_by=by)
    for point in points:
        point.guideline = made
    GuidelinePoint.objects.bulk_create(points)
    note("guideline changed", by=by, detail=f"Version {made.number}. {why}".strip())
    return made


def _points(drafts: Sequence[PointDraft], *, known: Sequence[GuidelinePoint]) -> list[GuidelinePoint]:
    """Return unsaved points; Refused with everything that is wrong with them."""
    if len(drafts) > MOST_POINTS:
        raise Refused(f"The guideline can have at most {MOST_POINTS} points.")
    keys = {point.key for point in known}
    used = set(GuidelinePoint.objects.order_by().values_list("key", flat=True).distinct())
    points, obstacles = [], []
    for position, draft in enumerate(drafts, 1):
        try:
            point = _point(draft, position)
        except Refused as refusal:
            obstacles += [f"Point {position}: {words}" for words in refusal.obstacles]
            continue
        # A key belongs to one point for good, so that statistics compare like with like.
        point.key = draft.key if draft.key in keys else _new_key(point.text, used)
        keys.discard(point.key)
        used.add(point.key)
        points.append(point)
    if not obstacles and not any(point.is_required and point.is_for_all for point in points):
        obstacles.append("At least one required point must be for all posts. Add one.")
    if obstacles:
        raise Refused(*obstacles)
    return points


def _point(draft: PointDraft, position: int) -> GuidelinePoint:
    text = checked_words(draft.text, name="The text", limit=300)
    if not text:
        raise Refused("Enter the text.")
    if draft.reason_code not in Review.ReasonCode.values or not draft.reason_code:
        raise Refused("Choose a reason from the list.")
    if not set(draft.kinds) <= set(GuidelinePoint.Kind.values):
        raise Refused("Choose a kind of post from the list.")
    return GuidelinePoint(
        position=position,
        text=text,
        help_text=checked_words(draft.help_text, name="The help", limit=1000),
        is_required=draft.is_required,
        reason_code=draft.reason_code,
        stacks=_names(draft.stacks),
        kinds=[kind.value for kind in GuidelinePoint.Kind if kind in draft.kinds],
        generators=_names(draft.generators),
    )


def _names(names: Iterable[str]) -> list[str]:
    words = [" ".join(checked_words(name, name="The name", limit=LONG_WORDS).split()) for name in names]
    return list(dict.fromkeys(word for word in words if word))


def _new_key(text: str, used: set[str]) -> str:
    """Return a key of the first words of a text that no version has."""
    first = slugify(text)[:30].rpartition("-")[0] or slugify(text)[:30] or "point"
    keys = [first, *(f"{first}-{number}" for number in range(2, len(used) + 2))]
    return next(key for key in keys if key not in used)


def _content(point: GuidelinePoint) -> tuple[object, ...]:
    return (
        point.key, point.text, point.help_text, point.is_required, point.reason_code,
        point.stacks, point.kinds, point.generators,
    )  # fmt: skip
