"""Keeps the scorecards: what each post adds to them, and their sums.

A background job scores the posts that something happened to since its last run. It stores what a post adds and changes
the sums by the difference, so it may score a post any number of times, and no page counts posts. docs/scorecards.md
says what is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.diff.sequences import Budget, anchored_pairs
from posts.models import (
    AuditEntry,
    Generator,
    Post,
    ReaderReport,
    Release,
    Review,
    Revision,
    Score,
    ScoredPost,
    TextScan,
)
from posts.models.fields import dump_json
from posts.models.post import generator_of
from posts.records.schema import RecordDict

CHUNK = 200
SNAPSHOTS = 50
NAME = "scorecards"
# Read again each time: a slow transaction may commit smaller numbers after a larger one was seen.
OVERLAP_TIME = timedelta(minutes=2)
# A screen that stayed open overnight says nothing about the work.
MOST_SECONDS = 60 * 60
MOST_STACKS = 20
WORDS_OF = ("title", "intro", "body", "summary")
# The steps of one comparison of words; a text over them counts as changed where they end.
STEPS = 300_000
COLUMNS = (
    "came_in decided approved in_bulk accepted revoked edited changed_words released reported reports timed seconds"
).split()
# What tells of a change: each row names its post, and is never changed in a way that counts here.
SOURCES: tuple[tuple[type[Model], str], ...] = (
    (Revision, "created_at"),
    (AuditEntry, "made_at"),
    (ReaderReport, "made_at"),
)
# {generator, scenario, stacks, counts, reason}: what a post adds to the cards of one generator.
Part = dict[str, Any]
Key = tuple[str, str]


@dataclass
class Text:
    """A revision, without its snapshot."""

    pk: int
    number: int
    fingerprint: str
    batch: int | None
    generator: int | None


@dataclass
class Sent:
    """What the record of an imported revision says."""

    generator: str
    scenario: str
    stacks: list[str]


@dataclass
class Facts:
    """What is known of one post when it is scored."""

    generator: str = ""
    known_generator: int | None = None
    texts: list[Text] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    releases: list[tuple[int, datetime]] = field(default_factory=list)
    reports: list[tuple[str, datetime]] = field(default_factory=list)

    @cached_property
    def sources(self) -> dict[int, Text | None]:
        """{primary key of a text: its source}."""
        return {text.pk: self._source_of(text) for text in self.texts}

    def _source_of(self, text: Text) -> Text | None:
        """Return the import that brought a text or the one that it was edited from; None if it was typed here.

        As in RevisionQuerySet.with_source(): a restored text has the source of the equal one.
        """
        equal = [one for one in self.texts if one.fingerprint == text.fingerprint and one.number <= text.number]
        first = max(equal, key=lambda one: (one.batch or 0, -one.number))
        imported = [one for one in self.texts if one.batch is not None and one.number <= first.number]
        return imported[-1] if imported else None


def score_new(*, on_checkpoint: Callable[[], object] = lambda: None, now: datetime | None = None) -> int:
    """Score the posts that something happened to since the last call; return how often a post was scored.

    on_checkpoint: called between two sets, may raise; the next call continues there.
    """
    scored = 0
    scans = [_scan_of(model) for model, _ in SOURCES]
    for (model, moment), scan in zip(SOURCES, scans, strict=True):
        rows: Any = model._default_manager
        settled = rows.filter(pk__lte=scan.revision_id, **{f"{moment}__lt": (now or timezone.now()) - OVERLAP_TIME})
        begin = settled.order_by("-pk").values_list("pk", flat=True).first() or 0
        for chunk in in_chunks(rows.values_list("pk", "post_id"), size=CHUNK, after=begin):
            posts = {post for _, post in chunk if post is not None}
            score_posts(posts)
            scored += len(posts)
            TextScan.objects.filter(pk=scan.pk, revision_id__lt=chunk[-1][0]).update(revision_id=chunk[-1][0])
            on_checkpoint()
    return scored


def _scan_of(model: type[Model]) -> TextScan:
    """Return how far a source was read. The first walk along all revisions needs nothing older of the others."""
    rows: Any = model._default_manager
    name = f"{NAME}: {model._meta.model_name}"
    scan = TextScan.objects.filter(name=name).first()
    if scan is None:
        newest = 0 if model is Revision else rows.order_by("-pk").values_list("pk", flat=True).first() or 0
        scan, _ = TextScan.objects.get_or_create(name=name, defaults={"revision_id": newest})
    return scan


@transaction.atomic
def forget_scores() -> None:
    """Empty the scorecards; the next score_new() begins with the first post, wherever it is stopped."""
    _lock()
    ScoredPost.objects.all().delete()
    Score.objects.all().delete()
    TextScan.objects.filter(name__startswith=f"{NAME}: ").delete()


@transaction.atomic
def score_posts(ids: Collection[int]) -> None:
    """Store what these posts add to the scorecards now, and change the sums by the difference."""
    _lock()
    parts = _parts_of(ids)
    before = {row.post_id: row.parts for row in ScoredPost.objects.filter(post__in=ids)}
    changed = {post: new for post, new in parts.items() if dump_json(new) != dump_json(before.get(post, []))}
    if not changed:
        return
    change: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for post, new in changed.items():
        _add(change, new, 1)
        _add(change, before.get(post, []), -1)
    rows = [ScoredPost(post_id=post, parts=new) for post, new in sorted(changed.items())]
    ScoredPost.objects.bulk_create(rows, update_conflicts=True, update_fields=["parts"], unique_fields=["post"])
    _change_sums(change)


def _lock() -> None:
    """Let one transaction at a time change the sums: each reads what the one before it has written."""
    TextScan.objects.get_or_create(name=NAME)
    TextScan.objects.select_for_update().get(name=NAME)


def _add(sums: defaultdict[Key, Counter[str]], parts: Iterable[Part], times: int) -> None:
    for part in parts:
        counts = Counter({name: times * count for name, count in part["counts"].items()})
        if "reason" in part:
            counts[f"reason {part['reason']}"] += times
        generator = "" if part["generator"] is None else str(part["generator"])
        keys = [(Score.Kind.GENERATOR.value, generator), (Score.Kind.SCENARIO.value, part["scenario"])]
        for key in keys + [(Score.Kind.STACK.value, name) for name in part["stacks"] or [""]]:
            sums[key].update(counts)


def _change_sums(change: Mapping[Key, Counter[str]]) -> None:
    wanted = {key for key, counts in change.items() if any(counts.values())}
    rows: dict[Key, Score] = {}
    for kind in {kind for kind, _ in wanted}:
        names = [name for one, name in wanted if one == kind]
        for at in range(0, len(names), CHUNK):
            for row in Score.objects.filter(kind=kind, name__in=names[at : at + CHUNK]):
                rows[row.kind, row.name] = row
    for key in wanted:
        row = rows.setdefault(key, Score(kind=key[0], name=key[1]))
        for column in COLUMNS:
            setattr(row, column, getattr(row, column) + change[key][column])
        reasons = Counter(row.reasons)
        reasons.update({name[7:]: count for name, count in change[key].items() if name.startswith("reason ")})
        row.reasons = {reason: count for reason, count in sorted(reasons.items()) if count}
    full = [row for row in rows.values() if row.came_in]
    Score.objects.bulk_create(
        full,
        batch_size=CHUNK,
        update_conflicts=True,
        update_fields=[*COLUMNS, "reasons"],
        unique_fields=["kind", "name"],
    )
    for row in rows.values():
        if not row.came_in:
            Score.objects.filter(kind=row.kind, name=row.name).delete()


def _parts_of(ids: Collection[int]) -> dict[int, list[Part]]:
    """Return {primary key: what the post adds} of posts, in a number of queries that their number does not change."""
    facts = _facts(ids)
    sent = dict(_sent([text.pk for fact in facts.values() for text in fact.texts if text.batch is not None]))
    names = {found.generator for found in sent.values() if found.generator}
    known = dict(Generator.objects.filter(name__in=names).values_list("name", "pk"))
    parts: dict[int, list[Part]] = {}
    compared: list[tuple[Part, int, int]] = []
    for post, fact in facts.items():
        for text in fact.texts:
            if text.batch is not None and text.generator is None:
                name = sent[text.pk].generator
                # Records may name a generator as it was called before.
                own = fact.known_generator if name and name == fact.generator else None
                text.generator = known.get(name, own)
        parts[post] = [_part(fact, generator, sent, compared) for generator in _generators(fact)]
    _count_words(compared)
    return parts


def _facts(ids: Collection[int]) -> dict[int, Facts]:
    posts = Post.objects.filter(pk__in=ids).order_by().values_list("pk", "generator", "known_generator_id")
    facts = {post: Facts(generator, known) for post, generator, known in posts}
    columns = ("post_id", "pk", "number", "fingerprint", "batch_id", "batch__generator_id")
    for post, *text in Revision.objects.filter(post__in=facts).order_by("post", "number").values_list(*columns):
        facts[post].texts.append(Text(*text))
    decided = Review.objects.filter(revision__post__in=facts, undone_at=None).order_by("pk")
    for review in decided.values(
        "revision__post_id", "revision_id", "outcome", "reason_code", "is_bulk", "revoked_at", "seconds_spent"
    ):
        facts[review["revision__post_id"]].reviews.append({**review})
    released = Release.objects.filter(post__in=facts, kind=Release.Kind.RELEASED).order_by("pk")
    for post, revision, moment in released.values_list("post_id", "revision_id", "made_at"):
        if revision is not None:
            facts[post].releases.append((revision, moment))
    reports = ReaderReport.objects.filter(post__in=facts).order_by("pk")
    for post, fingerprint, moment in reports.values_list("post_id", "fingerprint", "made_at"):
        facts[post].reports.append((fingerprint, moment))
    return facts


def _sent(revisions: Iterable[int]) -> Iterator[tuple[int, Sent]]:
    """Yield (primary key, Sent) of imported revisions; few snapshots are in memory at once."""
    keys = sorted(revisions)
    for at in range(0, len(keys), SNAPSHOTS):
        rows = Revision.objects.filter(pk__in=keys[at : at + SNAPSHOTS])
        for pk, snapshot in rows.values_list("pk", "snapshot"):
            payload = snapshot.get("payload", {})
            stacks = dict.fromkeys(filter(None, map(_name, snapshot.get("stack", ())[:MOST_STACKS])))
            yield pk, Sent(generator_of(payload), _name(payload.get("scenario")), list(stacks))


def _name(value: Any) -> str:
    """Return a value of a record as the name of a card: one line of at most 100 characters; "" if it is no text."""
    return " ".join(value.split())[:100].strip() if isinstance(value, str) else ""


def _generators(fact: Facts) -> list[int | None]:
    """Return the generators that sent a text of the post, in order."""
    return list(dict.fromkeys(text.generator for text in fact.texts if text.batch is not None))


def _part(fact: Facts, generator: int | None, sent: Mapping[int, Sent], compared: list[tuple[Part, int, int]]) -> Part:
    """Return what the texts of one generator add. compared: gets (part, imported, approved revision) if edited."""
    own = {pk: source for pk, source in fact.sources.items() if source and source.generator == generator}
    newest = [text for text in fact.texts if text.batch is not None and text.generator == generator][-1]
    counts: Counter[str] = Counter(came_in=1)
    part: Part = {"generator": generator, "scenario": sent[newest.pk].scenario, "stacks": sent[newest.pk].stacks}
    reviews = [review for review in fact.reviews if review["revision_id"] in own]
    _count_decisions(part, counts, reviews)
    approval = next((review for review in reviews if _is_approval(review) and not review["is_bulk"]), None)
    if approval:
        text = next(text for text in fact.texts if text.pk == approval["revision_id"])
        source = own[text.pk]
        counts["accepted"] = 1
        counts["revoked"] = int(approval["revoked_at"] is not None)
        if text.fingerprint != source.fingerprint:
            counts["edited"] = 1
            compared.append((part, source.pk, text.pk))
    _count_reports(fact, counts, own)
    part["counts"] = {name: counts[name] for name in COLUMNS if counts[name]}
    return part


def _is_approval(review: Mapping[str, Any]) -> bool:
    return bool(review["outcome"] == Review.Outcome.APPROVED)


def _count_decisions(part: Part, counts: Counter[str], reviews: list[dict[str, Any]]) -> None:
    whole = [review for review in reviews if review["outcome"] in Review.CHOICES]
    individual = [review for review in whole if not review["is_bulk"]]
    if individual:
        first = individual[0]
        counts["decided"], counts["approved"] = 1, int(_is_approval(first))
        if not _is_approval(first):
            part["reason"] = first["reason_code"]
    elif whole:
        counts["in_bulk"] = 1
    times = [
        min(review["seconds_spent"], MOST_SECONDS)
        for review in reviews
        if not review["is_bulk"] and review["seconds_spent"] is not None
    ]
    counts["timed"], counts["seconds"] = len(times), sum(times)


def _count_reports(fact: Facts, counts: Counter[str], own: Mapping[int, Text]) -> None:
    released = [moment for revision, moment in fact.releases if revision in own]
    if not released:
        return
    fingerprints = {text.fingerprint for text in fact.texts if text.pk in own}
    reports = sum(text in fingerprints and moment >= min(released) for text, moment in fact.reports)
    counts["released"], counts["reports"], counts["reported"] = 1, reports, int(reports > 0)


def _count_words(compared: Iterable[tuple[Part, int, int]]) -> None:
    """Add to each part how many words people changed between an imported and an approved revision."""
    for part, imported, approved in compared:
        texts = dict(Revision.objects.filter(pk__in=(imported, approved)).values_list("pk", "snapshot"))
        if words := changed_words(texts[imported], texts[approved]):
            part["counts"]["changed_words"] = words


def changed_words(old: RecordDict, new: RecordDict) -> int:
    """Return how many words were removed and added between two records, in what readers read as text."""
    changed, budget = 0, Budget(STEPS)
    for name in WORDS_OF:
        before, after = (record.get(name) or "" for record in (old, new))
        if before != after:
            words, other = before.split(), after.split()
            changed += len(words) + len(other) - 2 * len(anchored_pairs(words, other, budget))
    return changed
