"""Keeps the queue up to date: which posts are in it, with which risk score, for which reasons.

Operations call refresh_queue() for their post, an import calls admit_new_posts() and admit_posts() for a chunk. In
the background rank_read_texts() completes the reasons once checks and comparisons have read a text, and rank_queue()
counts the days and corrects everything else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, Model, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from posts.content_checks.package_names import PACKAGE_NAMES
from posts.content_checks.registry import checks_key
from posts.db.keyset import in_chunks
from posts.db.prepared_query import PreparedQuery
from posts.db.shared_walk import SharedWalk
from posts.models import (
    ApprovedPicture,
    AuditEntry,
    CheckResult,
    LinkOccurrence,
    Post,
    QueueEntry,
    QueueFigure,
    QueueLabel,
    ReaderReport,
    Review,
    ReviewFlag,
    Revision,
    StyleException,
    TextSketch,
    TextTwin,
)
from posts.models.fields import dump_json
from posts.models.four_eyes import readers_of
from posts.related.near_duplicates import MIN_SIMILARITY, near_duplicates_that_count
from posts.review_queue import weights
from posts.review_queue.check_weights import USUAL, weigh_checks, weights_of_checks
from posts.review_queue.days import generator_record
from posts.review_queue.intervals import wilson_interval
from posts.review_queue.weights import WEIGHTS

CHUNK = 200
# Fewer decisions about a generator mean nothing.
MIN_DECISIONS = 8
# The normal quantile for one-sided 95 %: the certainty that a generator's share is above the others'.
SURENESS = 1.645
# Kinds of QueueFigure: the filter choices, and the points of a generator.
STACKS, GENERATORS, BATCHES, POINTS = "stack", "generator", "batch", "points"
# The shortest part of a fingerprint that a claimed hash must contain to be recognised.
HASH_DIGITS = 16
# Labels of one post; a record may name a thousand tools and stacks.
MAX_STACK = 20
MAX_CHOICES = 60
# {code, points, detail[, post]}: one part of the risk score.
RiskReason = dict[str, Any]
# Kind, name, and the number of the post.
Label = tuple[str, str, int]
RANKED = (
    "fingerprint points text_points generator_points age_points reasons status version live_version is_back stack "
    "words generator batch is_complete"
).split()


LABEL = ("kind", "name", "entry_id")
# Django makes the value of an enumeration anew each time.
_OF_REASON, _OF_STACK = QueueLabel.Kind.REASON.value, QueueLabel.Kind.STACK.value
# The columns needed of a post, of its head and of its live text.
OF_POST = "generator claimed_hash import_fingerprint first_batch_id last_batch_id first_published_at stack".split()
OF_HEAD = "fingerprint status version created_at".split()
OF_LIVE = "fingerprint version".split()
COLUMNS = [
    "pk", *OF_POST, *(f"head_revision__{name}" for name in OF_HEAD), *(f"live_revision__{name}" for name in OF_LIVE)
]  # fmt: skip


@dataclass
class Facts:
    """What is known of one pending post when it is ranked."""

    post: dict[str, Any]
    flags: Counter[str] = field(default_factory=Counter)
    # What the checks found, as stored; None if they have not read the text. check_weights: in tenths, by check.
    findings: list[dict[str, Any]] | None = None
    is_checked: bool = False
    check_weights: Mapping[str, int] = field(default_factory=dict)
    is_compared: bool = False
    near_duplicate: tuple[float, int] | None = None
    dead_links: int = 0
    changed_pictures: int = 0
    reports: int = 0
    is_back: bool = False
    approved_in_part_by: str = ""
    submitted_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the proposed text."""
        return str(self.post["head_revision__fingerprint"])


def reasons_of(facts: Facts) -> list[RiskReason]:
    """Return [{code, points, detail[, post]}] of the text and its history, most points first.

    Points for its generator and its waiting time are stored separately, because they change for many posts at once.
    """
    found: list[RiskReason] = []

    def add(code: str, count: float = 1, detail: str = "", **more: Any) -> None:
        if points := WEIGHTS[code].points(count):
            found.append({"code": code, "points": points, "detail": detail, **more})

    post = facts.post
    unknown = ""
    if post["first_batch_id"]:
        unknown = _unknown_origin(post["generator"], post["claimed_hash"], post["import_fingerprint"])
    found += _reasons_of_record(facts.flags[ReviewFlag.Reason.SOURCE] > 0, unknown)
    if flags := facts.flags.total() - facts.flags[ReviewFlag.Reason.SOURCE]:
        add(weights.FLAG, detail=f"{flags} open" if flags > 1 else "")
    if facts.near_duplicate:
        similarity, twin = facts.near_duplicate
        share = max(0.0, (similarity - MIN_SIMILARITY) / (1 - MIN_SIMILARITY))
        points = round(weights.TWIN_LEAST + (weights.TWIN_MOST - weights.TWIN_LEAST) * share)
        found.append(
            {"code": weights.TWIN, "points": points, "detail": f"{round(similarity * 100)} % the same", "post": twin}
        )
    for code, count, weighed in counted_findings(facts.findings or (), facts.check_weights):
        said = [f"{count} times"] if count > 1 else []
        if (share := round(weighed / count, 1)) != 1:
            said.append(f"worth {share} times as much as usual by the decisions here")
        add(code, weighed, ", ".join(said))
    add(weights.LINKS, facts.dead_links, f"{facts.dead_links} links" if facts.dead_links > 1 else "")
    add(
        weights.PICTURES,
        facts.changed_pictures,
        f"{facts.changed_pictures} pictures" if facts.changed_pictures > 1 else "",
    )
    add(weights.REPORTS, facts.reports, f"{facts.reports} reports" if facts.reports > 1 else "")
    if post["first_published_at"] and post["head_revision__fingerprint"] != post["live_revision__fingerprint"]:
        add(weights.CHANGED)
    if facts.approved_in_part_by:
        add(weights.PART, detail=f"only {facts.approved_in_part_by} has approved")
    return _most_first(found)


def _most_first(reasons: Iterable[RiskReason]) -> list[RiskReason]:
    return sorted(reasons, key=lambda reason: (-reason["points"], weights.CODES.index(reason["code"])))


def _reasons_of_record(is_flagged: bool, unknown: str) -> list[RiskReason]:
    """Return the reasons that a record alone gives. is_flagged: by its source. unknown: from _unknown_origin()."""
    reasons = []
    if is_flagged:
        reasons.append({"code": weights.SOURCE, "points": WEIGHTS[weights.SOURCE].points(), "detail": ""})
    if unknown:
        reasons.append({"code": weights.ORIGIN, "points": WEIGHTS[weights.ORIGIN].points(), "detail": unknown})
    return [reason for reason in reasons if reason["points"]]


@lru_cache(maxsize=64)
def _prepared_reasons(is_flagged: bool, unknown: str) -> tuple[str, int, tuple[str, ...]]:
    """Return the same for a new post: (the reasons as JSON, their points, their codes)."""
    reasons = _most_first(_reasons_of_record(is_flagged, unknown))
    return dump_json(reasons), sum(reason["points"] for reason in reasons), tuple(reason["code"] for reason in reasons)


def counted_findings(findings: Iterable[dict[str, Any]], worth: Mapping[str, int]) -> Iterator[tuple[str, int, float]]:
    """Yield (code, count, the same weighed) of the risk reasons that the stored `findings` of a text give.

    worth: {id of a check: its weight in tenths}, if it is not the usual one.
    """
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for finding in findings:
        name = finding["check"]
        if finding["stops"]:
            told[weights.CHECK][name] += finding["count"]
        elif name.startswith("code-"):
            told[weights.CODE][name] += finding["count"]
        elif name == PACKAGE_NAMES:
            told[weights.PACKAGES][name] += finding["count"]
        elif name.startswith("claim-"):
            told[weights.CLAIMS][name] = 1
        elif name in ("image-source", "image-licence"):
            told[weights.IMAGES][name] += finding["count"]
        else:
            told[weights.ADVICE][name] = 1
    if images := told.get(weights.IMAGES):
        # Both checks may name the same image, so the larger number is the least number of incomplete images.
        told[weights.IMAGES] = Counter(dict(images.most_common(1)))
    for code, counts in told.items():
        yield code, counts.total(), sum(count * worth.get(name, USUAL) / USUAL for name, count in counts.items())


def _unknown_origin(generator: str, claimed_hash: str, fingerprint: str) -> str:
    """Return what an imported text lacks of its origin. fingerprint: as it was imported."""
    missing = [] if generator else ["no generator"]
    claimed = claimed_hash.lower()
    if not claimed:
        missing.append("no hash")
    elif len(claimed) < HASH_DIGITS or not fingerprint.startswith(claimed):
        missing.append("the hash does not match the text")
    return ", ".join(missing)


def age_points(waiting_since: datetime, now: datetime) -> int:
    """Return the points for waiting time, one for each whole day."""
    return WEIGHTS[weights.WAITING].points(max(0, (now - waiting_since).days))


def turned_down_of(outcomes: Mapping[str, int]) -> tuple[int, int]:
    """Return (turned down, decided) of {outcome: number}."""
    turned_down = outcomes.get(Review.Outcome.REJECTED, 0) + outcomes.get(Review.Outcome.CHANGES_REQUESTED, 0)
    return turned_down, turned_down + outcomes.get(Review.Outcome.APPROVED, 0)


def surely_at_least(part: int, whole: int) -> float:
    """Return the lower bound of Wilson's interval for the share of `part` in `whole`."""
    return wilson_interval(part, whole, SURENESS).low


def generator_points(record: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return {generator: points} of the generators that are turned down more often than the others.

    A generator has points if its share of decisions that turned it down is surely larger than that among all other
    posts, with at least MIN_DECISIONS decisions on both sides. The points are the percentage points of the
    difference. A site with one generator can't compare, so no post has the reason.
    """
    of_all = [turned_down_of(outcomes) for outcomes in record.values()]
    all_down, all_decided = sum(down for down, _ in of_all), sum(decided for _, decided in of_all)
    points = {}
    for generator, outcomes in record.items():
        down, decided = turned_down_of(outcomes)
        others = all_decided - decided
        if not generator or min(decided, others) < MIN_DECISIONS:
            continue
        share_of_others = (all_down - down) / others
        # Few decisions about the others say little: their share may be as high as this.
        at_most = 1 - surely_at_least(others - (all_down - down), others)
        if surely_at_least(down, decided) > at_most:
            points[generator] = WEIGHTS[weights.GENERATOR].points(100 * (down / decided - share_of_others))
    return {generator: count for generator, count in points.items() if count}


def refresh_queue(post: Post) -> None:
    """Update the queue entry of one locked `post`."""
    if post.awaits_review and post.withdrawn_at is None:
        _rank([post.pk], now=timezone.now())
    else:
        QueueEntry.objects.filter(pk=post.pk).delete()


def restore_place(post: Post, place: list[Any]) -> None:
    """Give a locked `post` an earlier place in the queue: [since when it was pending (ISO 8601), assigned to or None].

    Its waiting time does not start again.
    """
    since, person = parse_datetime(place[0]), place[1]
    keeper = get_user_model().objects.filter(pk=person).first() if person else None
    QueueEntry.objects.filter(pk=post.pk).update(waiting_since=since, assigned_to=keeper)
    refresh_queue(post)


class NewInQueue(NamedTuple):
    """A post that an import has just created. is_flagged: whether it has the flag of its source."""

    post_id: int
    batch_id: int
    fingerprint: str
    version: str
    generator: str
    claimed_hash: str
    stack: list[Any]
    is_flagged: bool


def admit_new_posts(
    new: Sequence[NewInQueue],
    *,
    status: str,
    since: datetime,
    insert: Callable[[type[Model], list[dict[str, Any]], set[str]], object],
) -> None:
    """Add posts that an import has just created to the queue, with what their records alone say.

    Checks, comparison and generators follow in the background. status: of their texts. since: when it created them.
    insert(model, rows, names): inserts a set of rows (dicts of these columns), as the import's writer does.
    """
    worth = _worths({post.generator for post in new})
    age = age_points(since, timezone.now())
    entries: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for post in new:
        unknown = _unknown_origin(post.generator, post.claimed_hash, post.fingerprint)
        reasons, points, codes = _prepared_reasons(post.is_flagged, unknown)
        of_generator = worth.get(post.generator, 0)
        stack, names = _prepared_stack(tuple(name for name in post.stack[:MAX_STACK] if isinstance(name, str)))
        pk = post.post_id
        entries.append(
            {
                "post_id": pk,
                "fingerprint": post.fingerprint,
                "points": points + of_generator + age,
                "text_points": points,
                "generator_points": of_generator,
                "age_points": age,
                "reasons": reasons,
                "waiting_since": since,
                "status": status,
                "version": post.version,
                "live_version": "",
                "is_back": False,
                "stack": stack,
                "words": None,
                "generator": post.generator,
                "batch_id": post.batch_id,
                "is_complete": False,
            }
        )
        labels += [{"kind": _OF_REASON, "name": code, "entry_id": pk} for code in codes]
        labels += [{"kind": _OF_STACK, "name": name, "entry_id": pk} for name in names]
    insert(QueueEntry, entries, set(entries[0]))
    insert(QueueLabel, labels, set(LABEL))


def admit_posts(ids: Iterable[int]) -> None:
    """Update the queue for posts that an import has just changed, with what their records alone say."""
    refresh_queue_of(ids, from_record=True)


def refresh_queue_of(ids: Iterable[int], *, from_record: bool = False) -> None:
    """Update the queue entries of locked posts, in sets. from_record: read only what an import has written itself."""
    ids = list(ids)
    for at in range(0, len(ids), 1000):
        chunk = ids[at : at + 1000]
        _rank(chunk, now=timezone.now(), from_record=from_record)
        QueueEntry.objects.filter(pk__in=chunk).exclude(post__awaits_review=True, post__withdrawn_at=None).delete()


def rank_posts(ids: Iterable[int], *, now: datetime | None = None) -> int:
    """Rank the posts with these primary keys again, in sets; return how many are pending.

    Locked posts are skipped: the operation that holds the lock ranks them itself.
    """
    ids, ranked = sorted(ids), 0
    for at in range(0, len(ids), CHUNK):
        with transaction.atomic():
            locked = Post.objects.filter(pk__in=ids[at : at + CHUNK]).order_by("pk")
            chunk = list(locked.select_for_update(skip_locked=True).values_list("pk", flat=True))
            ranked += _rank(chunk, now=now or timezone.now())
            gone = QueueEntry.objects.filter(pk__in=chunk)
            gone.exclude(post__awaits_review=True, post__withdrawn_at=None).delete()
    return ranked


def _rank(ids: Iterable[int], *, now: datetime, from_record: bool = False) -> int:
    """Write the entries of those among `ids` that are pending; return their number.

    from_record: read only what an import has written itself.
    """
    facts = _facts(ids, from_record=from_record)
    if not facts:
        return 0
    since = dict(QueueEntry.objects.filter(pk__in=facts).values_list("pk", "waiting_since"))
    entries, labels = _entries(facts, since, now)
    QueueEntry.objects.bulk_create(
        [QueueEntry(**entry) for entry in entries],
        update_conflicts=True,
        update_fields=RANKED,
        unique_fields=["post"],
        batch_size=500,
    )
    _write_labels(list(since), labels)
    return len(facts)


def _entries(
    facts: Mapping[int, Facts], since: Mapping[int, datetime], now: datetime
) -> tuple[list[dict[str, Any]], list[Label]]:
    """Return (columns of a QueueEntry for each of `facts`, labels for all of them).

    since: {primary key: waiting since} of those already in the queue.
    """
    worth = _worths({fact.post["generator"] for fact in facts.values()})
    entries: list[dict[str, Any]] = []
    labels: list[Label] = []
    for pk, fact in facts.items():
        post, reasons = fact.post, reasons_of(fact)
        entered = since.get(pk) or fact.submitted_at or post["head_revision__created_at"]
        text = sum(reason["points"] for reason in reasons)
        generator = worth.get(post["generator"], 0)
        age = age_points(entered, now)
        stack = _names_of_stack(post["stack"])
        entries.append(
            {
                "post_id": pk,
                "fingerprint": post["head_revision__fingerprint"],
                "points": text + generator + age,
                "text_points": text,
                "generator_points": generator,
                "age_points": age,
                "reasons": reasons,
                "waiting_since": entered,
                "status": post["head_revision__status"],
                "version": post["head_revision__version"],
                "live_version": post["live_revision__version"] or "",
                "is_back": fact.is_back,
                "stack": stack,
                "words": len(post["intro"].split()) + len(post["body"].split()) if "body" in post else None,
                "generator": post["generator"],
                "batch_id": post["last_batch_id"],
                "is_complete": fact.is_checked and fact.is_compared,
            }
        )
        labels += [(_OF_REASON, reason["code"], pk) for reason in reasons]
        labels += [(_OF_STACK, name, pk) for name in dict.fromkeys(stack) if name]
    return entries, labels


def _names_of_stack(stack: Sequence[Any]) -> list[str]:
    return [" ".join(name.split())[:100] for name in stack[:MAX_STACK] if isinstance(name, str)]


@lru_cache(maxsize=256)
def _prepared_stack(stack: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return (its names as JSON, its names once each) of the stack of a new post. Most sites have few stacks."""
    names = _names_of_stack(stack)
    return dump_json(names), tuple(name for name in dict.fromkeys(names) if name)


def _worths(generators: Collection[str]) -> dict[str, int]:
    """Return {generator: points} of those that have points."""
    return dict(_worth(connection.vendor).rows(names=list(generators)))


@lru_cache(maxsize=2)
def _worth(vendor: str) -> PreparedQuery:
    figures = QueueFigure.objects.filter(kind=POINTS).order_by()
    return PreparedQuery(lambda names: figures.filter(name__among=names).values_list("name", "count"), names=list)


def _write_labels(known: Collection[int], labels: Collection[Label]) -> None:
    """Replace the labels of these posts by `labels` (kind, name, post); `known` had some before."""
    before: set[Label] = set()
    if known:
        before = set(QueueLabel.objects.filter(entry__in=known).values_list("kind", "name", "entry_id"))
    gone = before.difference(labels)
    for kind, name in {(kind, name) for kind, name, _ in gone}:
        posts = [post for k, n, post in gone if (k, n) == (kind, name)]
        QueueLabel.objects.filter(kind=kind, name=name, entry__in=posts).delete()
    new = [label for label in labels if label not in before]
    QueueLabel.objects.bulk_create(
        [QueueLabel(kind=kind, name=name, entry_id=post) for kind, name, post in new],
        ignore_conflicts=True,
        batch_size=300,
    )


def _facts(ids: Iterable[int], *, from_record: bool) -> dict[int, Facts]:
    """Return {primary key: Facts} of those posts among `ids` that are pending, in a fixed number of queries."""
    columns = COLUMNS if from_record else [*COLUMNS, "intro", "body"]
    posts = Post.objects.waiting().filter(pk__in=ids, head_revision__isnull=False).order_by().values(*columns)
    facts = {post["pk"]: Facts(post) for post in posts}
    flags = ReviewFlag.objects.filter(post__in=facts, cleared_at=None).order_by()
    for pk, reason in flags.values_list("post_id", "reason"):
        facts[pk].flags[reason] += 1
    if not from_record:
        _note_checks(facts)
        _note_near_duplicates(facts)
        _note_dead_links(facts)
        _note_changed_pictures(facts)
        _note_reports(facts)
        _note_decisions(facts)
        _note_submissions(facts)
    return facts


def _note_checks(facts: dict[int, Facts]) -> None:
    """Add what the checks found in each proposed text; earlier results stand until today's checks have read it."""
    by_fingerprint = defaultdict(list)
    worth = weights_of_checks()
    for fact in facts.values():
        fact.check_weights = worth
        by_fingerprint[fact.fingerprint].append(fact)
    key = checks_key()
    rows = CheckResult.objects.filter(fingerprint__in=by_fingerprint).order_by("pk")
    for fingerprint, checks, found in rows.values_list("fingerprint", "checks_key", "findings"):
        for fact in by_fingerprint[fingerprint]:
            if not fact.is_checked:
                fact.findings = [told for told in found if "stops" in told]
                fact.is_checked = checks == key
    _leave_out_suppressed(facts)


def _leave_out_suppressed(facts: dict[int, Facts]) -> None:
    """Leave out the findings of rules of the house style that a reviewer has suppressed for a post."""
    of_rules = [pk for pk, fact in facts.items() if any(told.get("rule") for told in fact.findings or ())]
    if not of_rules:
        return
    for pk, rule in StyleException.objects.filter(post__in=of_rules).values_list("post_id", "rule__name"):
        fact = facts[pk]
        fact.findings = [told for told in fact.findings or () if told.get("rule") != rule]


def _note_near_duplicates(facts: dict[int, Facts]) -> None:
    """Add whether each proposed text was compared, and the nearest one that it repeats."""
    for pk, fingerprint in TextSketch.objects.filter(pk__in=facts).values_list("pk", "fingerprint"):
        facts[pk].is_compared = fingerprint == facts[pk].fingerprint
    twins = near_duplicates_that_count().filter(post__in=facts).order_by("similarity", "-twin_id")
    for pk, similarity, twin in twins.values_list("post_id", "similarity", "twin_id"):
        if facts[pk].is_compared:
            facts[pk].near_duplicate = (similarity, twin)


def _note_dead_links(facts: dict[int, Facts]) -> None:
    """Add how many addresses that each post names are dead."""
    if settings.LINK_CHECKS:
        dead = LinkOccurrence.objects.filter(post__in=facts, address__died_at__isnull=False).order_by()
        for pk, count in dead.values_list("post_id").annotate(Count("pk")):
            facts[pk].dead_links = count


def _note_changed_pictures(facts: dict[int, Facts]) -> None:
    """Add how many pictures of other hosts on the page of each post are no longer what was approved."""
    if settings.IMAGES == "watch":
        changed = ApprovedPicture.objects.filter(
            post__in=facts, approval=F("post__live_approval"), changed_at__isnull=False
        )
        for pk, count in changed.order_by().values_list("post_id").annotate(Count("pk")):
            facts[pk].changed_pictures = count


def _note_reports(facts: dict[int, Facts]) -> None:
    """Add the number of open reader reports of each post."""
    reports = ReaderReport.objects.filter(post__in=facts, answered_at=None).order_by().values_list("post_id")
    for pk, count in reports.annotate(Count("pk")):
        facts[pk].reports = count


def _note_decisions(facts: dict[int, Facts]) -> None:
    """Add earlier decisions about each post: whether it was turned down, or approved in part."""
    decided = Review.objects.filter(revision__post__in=facts, undone_at=None).exclude(outcome=Review.Outcome.APPROVED)
    rows = decided.order_by().values_list("revision__post_id", "outcome", "fingerprint").distinct()
    in_part = {}
    for pk, outcome, fingerprint in rows:
        if outcome != Review.Outcome.APPROVED_IN_PART:
            facts[pk].is_back = True
        elif fingerprint == facts[pk].fingerprint:
            in_part[pk] = facts[pk]
    if in_part:
        _note_approvals_in_part(in_part)


def _note_submissions(facts: dict[int, Facts]) -> None:
    """Add when a person submitted the proposed text of each post."""
    typed = [pk for pk, fact in facts.items() if fact.post["head_revision__status"] == Revision.Status.IN_REVIEW]
    submitted = AuditEntry.objects.filter(post__in=typed, action="submitted").order_by().values_list("post_id")
    for pk, moment in submitted.annotate(Max("made_at")):
        if moment > facts[pk].post["head_revision__created_at"]:
            facts[pk].submitted_at = moment


def _note_approvals_in_part(facts: Mapping[int, Facts]) -> None:
    """Add who approved the proposed text of each post in part, if that still counts."""
    about = defaultdict(list)
    decisions = Review.objects.filter(revision__post__in=facts, undone_at=None).select_related("revision", "reviewer")
    for decision in decisions.defer("revision__snapshot").order_by("pk"):
        if decision.fingerprint == facts[decision.revision.post_id].fingerprint:
            about[decision.revision.post_id].append(decision)
    for pk, found in about.items():
        readers, *_ = readers_of(found)
        names = sorted({str(decision.reviewer) for decision in found if decision.reviewer_id in readers})
        facts[pk].approved_in_part_by = ", ".join(names)


def rank_queue(
    *, now: datetime | None = None, everything: bool = False, on_checkpoint: Callable[[], object] = lambda: None
) -> int:
    """Correct the whole queue: missing and extra entries, new results, days and generators.

    Returns how many posts were ranked; looks at every pending post. everything: rank all of them, as after a change
    of the weights. on_checkpoint: called between sets, may raise; if stopped, the next run finds the rest.
    """
    now = now or timezone.now()
    waiting = Post.objects.waiting().filter(head_revision__isnull=False)
    entry = QueueEntry.objects.filter(pk=OuterRef("pk"))
    ranked = _sweep(waiting.filter(~Exists(entry)), now, on_checkpoint)
    _sweep(QueueEntry.objects.exclude(post__awaits_review=True, post__withdrawn_at=None), now, on_checkpoint)
    ranked += _sweep(QueueEntry.objects.exclude(fingerprint=F("post__head_revision__fingerprint")), now, on_checkpoint)
    ranked += _sweep(_outdated_near_duplicates(), now, on_checkpoint)
    if everything:
        ranked += _sweep(QueueEntry.objects.all(), now, on_checkpoint)
    _count_days(now)
    _count_generators(now)
    return ranked + rank_read_texts(now=now, on_checkpoint=on_checkpoint, always_count=True)


def rank_read_texts(
    *,
    now: datetime | None = None,
    always_count: bool = False,
    on_checkpoint: Callable[[], object] = lambda: None,
    on_more: Callable[[], object] = lambda: None,
) -> int:
    """Complete the reasons of texts that checks and comparison have read since; return their number.

    Looks at nothing else, so it can run every few seconds. on_checkpoint, on_more: as for SharedWalk.work_off().
    """
    now = now or timezone.now()
    ranked = 0
    if _read_texts().exists():
        ranked += READ_TEXTS.work_off(partial(rank_posts, now=now), on_checkpoint=on_checkpoint, on_more=on_more)

    def rank_near_duplicates(keys: list[int]) -> int:
        return rank_posts(set(TextTwin.objects.filter(pk__in=keys).values_list("post_id", flat=True)), now=now)

    # The older post of a new pair was complete before the newer one came.
    ranked += NEW_NEAR_DUPLICATES.work_off(rank_near_duplicates, on_checkpoint=on_checkpoint, on_more=on_more)
    if ranked or always_count:
        _count_choices()
    return ranked


def weigh_and_rank(*, now: datetime | None = None, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Count what the findings of each check led to, and rank the whole queue again if a weight changed."""
    if not weigh_checks(now=now, on_checkpoint=on_checkpoint):
        return 0
    return _sweep(QueueEntry.objects.all(), now or timezone.now(), on_checkpoint)


def _sweep(rows: QuerySet[Any], now: datetime, on_checkpoint: Callable[[], object]) -> int:
    """Rank what `rows` finds, set by set in the order of primary keys, each once."""
    ranked = 0
    for ids in in_chunks(rows.values_list("pk", flat=True), size=CHUNK):
        ranked += rank_posts(ids, now=now)
        on_checkpoint()
    return ranked


def _read_texts() -> QuerySet[QueueEntry]:
    """Return the entries whose texts were checked and compared since they were ranked."""
    read = CheckResult.objects.filter(fingerprint=OuterRef("fingerprint"), checks_key=checks_key())
    compared = TextSketch.objects.filter(post=OuterRef("pk"), fingerprint=OuterRef("fingerprint"))
    return QueueEntry.objects.filter(Exists(read), Exists(compared), is_complete=False)


READ_TEXTS = SharedWalk("queue", lambda _: _read_texts(), CHUNK, begin=lambda _: 0)
NEW_NEAR_DUPLICATES = SharedWalk("twins in the queue", lambda _: TextTwin.objects.all(), CHUNK)


def _outdated_near_duplicates() -> QuerySet[QueueEntry]:
    """Return the entries that repeat a text and don't say so, or the other way round: the other post has changed."""
    repeats = Exists(near_duplicates_that_count().filter(post=OuterRef("pk")))
    says_so = Exists(QueueLabel.objects.filter(kind=QueueLabel.Kind.REASON, name=weights.TWIN, entry=OuterRef("pk")))
    return QueueEntry.objects.filter(Q(repeats, ~says_so) | Q(says_so, ~repeats), is_complete=True)


def _count_days(now: datetime) -> None:
    """Add a point for each day that passed: one statement a day of waiting, for any number of posts."""
    most = WEIGHTS[weights.WAITING].most
    for days in range(1, most + 1):
        aged = QueueEntry.objects.filter(age_points__lt=days, waiting_since__lte=now - timedelta(days=days))
        if days < most:
            aged = aged.filter(waiting_since__gt=now - timedelta(days=days + 1))
        aged.update(points=F("points") - F("age_points") + days, age_points=days)


@transaction.atomic
def _count_generators(now: datetime) -> None:
    """Store the points of each generator, and give them to its posts."""
    points_of = generator_points(generator_record(now=now))
    figures = [QueueFigure(kind=POINTS, name=generator, count=points) for generator, points in points_of.items()]
    _store_counts(figures, kinds=[POINTS])
    given = QueueEntry.objects.exclude(generator="").order_by().values_list("generator", "generator_points").distinct()
    for generator, points in list(given):
        worth = points_of.get(generator, 0)
        if worth != points:
            QueueEntry.objects.filter(generator=generator, generator_points=points).update(
                points=F("points") - F("generator_points") + worth, generator_points=worth
            )


@transaction.atomic
def _count_choices() -> None:
    """Store the filter choices: the stacks, generators and imports that most pending posts have."""
    stacks = QueueLabel.objects.filter(kind=QueueLabel.Kind.STACK).order_by().values_list("name")
    generators = QueueEntry.objects.exclude(generator="").order_by().values_list("generator")
    batches = QueueEntry.objects.exclude(batch=None).order_by().values_list("batch")
    figures = [
        QueueFigure(kind=kind, name=name, count=count)
        for kind, rows in [(STACKS, stacks), (GENERATORS, generators), (BATCHES, batches)]
        for name, count in rows.annotate(count=Count("*")).order_by("-count")[:MAX_CHOICES]
    ]
    _store_counts(figures, kinds=[STACKS, GENERATORS, BATCHES])


def _store_counts(figures: list[QueueFigure], *, kinds: list[str]) -> None:
    standing = {(figure.kind, str(figure.name)) for figure in figures}
    for kind, name in list(
        QueueFigure.objects.filter(kind__in=kinds).order_by("kind", "name").values_list("kind", "name")
    ):
        if (kind, name) not in standing:
            QueueFigure.objects.filter(kind=kind, name=name).delete()
    QueueFigure.objects.bulk_create(
        # In one order: two workers that count the same may wait for each other, but never deadlock.
        sorted(figures, key=lambda figure: (figure.kind, str(figure.name))),
        update_conflicts=True,
        update_fields=["count"],
        unique_fields=["kind", "name"],
    )
