"""The outcome of each row of a chunk: created, updated, unchanged, conflict, duplicate, skipped or refused."""

import hashlib
import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from django.db import connection
from django.db.models import QuerySet

from posts.db.prepared_query import PreparedQuery
from posts.importing.publication import Hold, distinct, holds_of_record
from posts.importing.readers.base import Row
from posts.importing.writers.rows import Encode, RecordRows
from posts.models import HoldReason, ImportBatch, ImportIssue, Post, PostHold
from posts.models.fields import dump_json
from posts.models.import_batch import COUNTS
from posts.models.purged_post import purged_identities
from posts.operations.slugs import free_former_slugs, free_slugs
from posts.operations.source_links import own_addresses
from posts.records.schema import (
    FIELDS,
    RecordDict,
    RecordRefused,
    digest_in_pieces,
    fingerprint_of,
    problem_sentence,
    version_parts,
)
from posts.records.versions import claimed_version, first_version, next_version
from posts.rendering.markdown import links_in

_OF_SCHEMA = frozenset(FIELDS)
HELD_NOW = "a post is held now: its source no longer shows it"
FREED_NOW = "a post is no longer held: its source shows it now"
RELEASED_HERE = "a post that is released here is not public at its source; withdraw it if readers must not see it"
PURGED = (
    "has the identity of a post that was purged here; it is never imported again. Give another text its own identity."
)
KNOWN_ALREADY = "the post already exists (only new posts were requested)"


# Those of a key and a value. A slug has none itself.
QUOTES_OF_SLUG = 4
# What a report counts by name: kinds of rows, and reasons.
BREAKDOWN = ("kinds", "refusals", "warnings", "left_out", "held", "unknown_values", "generators")


@dataclass(slots=True)
class Incoming:
    """A row of a source that is being imported."""

    row: Row
    line_hash: str
    source_id: str
    rows: RecordRows
    fingerprint: str
    holds: tuple[Hold, ...]
    links: tuple[str, ...] = ()  # the addresses in it that may lead to other posts of its source

    @property
    def record(self) -> RecordDict:
        """The record, made again from its rows: they alone come from a process that checks."""
        return self.rows.record


class Settled(NamedTuple):
    """A row of a source whose outcome is known without reading its text."""

    row: Row
    source_id: str
    outcome: str


class RefusedRow(NamedTuple):
    """A row of a source that is not an acceptable record. problems: [JSON Pointer, message] of each."""

    row: Row
    problems: list[list[str]]


class Seen(Protocol):
    """What an import knows of the identities that it has read."""

    def first_lines(self, source_ids: Iterable[str]) -> dict[str, int]:
        """Return {source_id: line} of those seen before."""


class NothingSeen:
    """What an import of one record knows of the identities before it."""

    def first_lines(self, source_ids: Iterable[str]) -> dict[str, int]:
        """Return nothing: there is no row before."""
        return {}


class NewPost(NamedTuple):
    """A post to create."""

    incoming: Incoming
    slug: str
    version: str
    former_slugs: list[str]


class ChangedPost(NamedTuple):
    """A post that gets a new text."""

    incoming: Incoming
    post: Post
    version: str


class RefreshedPost(NamedTuple):
    """A post with the same text and other claims or counts."""

    incoming: Incoming
    post: Post


class HoldChange(NamedTuple):
    """A post with the holds that its source now gives, and whether it is held then."""

    post: Post
    holds: tuple[Hold, ...]
    is_held: bool


@dataclass
class ChunkPlan:
    """What a chunk will do; a writer turns it into sets of rows."""

    batch: ImportBatch
    author_id: int | None = None  # who wrote the rows, if a person did
    created: list[NewPost] = field(default_factory=list)
    updated: list[ChangedPost] = field(default_factory=list)
    refreshed: list[RefreshedPost] = field(default_factory=list)
    holds: list[HoldChange] = field(default_factory=list)
    issues: list[ImportIssue] = field(default_factory=list)  # unsaved
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    skip_reasons: dict[str, int] = field(default_factory=dict)
    # {name: primary key} of the generators that its records name
    generators: dict[str, int] = field(default_factory=dict)
    # {part: {reason: count}}; of kinds {kind: {one of COUNTS: count}}
    breakdown: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in BREAKDOWN})

    def count(self, outcome: str, row: Row) -> None:
        """Count `row` as one of COUNTS, and by its kind if its format has kinds."""
        self.counts[outcome] += 1
        if row.kind:
            kind = self.breakdown["kinds"].setdefault(row.kind, {})
            kind[outcome] = kind.get(outcome, 0) + 1
        for warning in row.warnings if outcome in ("created", "updated") else ():
            self._add("warnings", warning)
        for what, number in row.left_out.items():
            self._add("left_out", what, number)

    def warn(self, warning: str) -> None:
        self._add("warnings", warning)

    def name_generator(self, incoming: Incoming) -> None:
        """Count the generator that a record names, as a suggestion for the person who runs the import."""
        if name := incoming.rows.generator:
            self._add("generators", name)

    @property
    def new_pending(self) -> int:
        """How many posts it adds to those that are pending review, at most."""
        return len(self.created) + sum(not item.post.awaits_review for item in self.updated)

    def text_after(self, incoming: Incoming, post: Post | None) -> tuple[str, str]:
        """Return (fingerprint, version) of the proposed text after the plan of one record. post: as it was before."""
        if self.created:
            return incoming.fingerprint, self.created[0].version
        if self.updated:
            return incoming.fingerprint, self.updated[0].version
        if post is None:
            raise RuntimeError("What is neither created nor updated was there before.")
        return post.head.fingerprint, post.head.version

    @property
    def named_generators(self) -> set[str]:
        """The names of generators in the records that it stores."""
        return {name for name in self.breakdown["generators"] if name}

    def generator_of(self, incoming: Incoming) -> int | None:
        """Return the primary key of the Generator of a record: that of its import, else the one that it names."""
        return self.batch.generator_id or self.generators.get(incoming.rows.generator)

    def skip(self, row: Row, reason: str) -> None:
        self.count("skipped", row)
        self.skip_reasons[reason] = self.skip_reasons.get(reason, 0) + 1

    def refuse(self, row: Row, issue: ImportIssue) -> None:
        self.count("refused", row)
        self._add("refusals", problem_sentence(*issue.problems[0], numbers=False))

    def hold(self, item: Incoming, post: Post | None = None) -> None:
        """Count a post that comes in held, or becomes held, by its reasons."""
        if post is not None:
            self._add("warnings", HELD_NOW)
        self._add("held", ", ".join(HoldReason(hold.reason).label for hold in item.holds))

    def note_values(self, item: Incoming) -> None:
        """Count unknown values, as “key: value”."""
        for hold in item.row.holds or item.holds:
            if hold.reason == HoldReason.UNKNOWN:
                self._add("unknown_values", hold.detail)

    def _add(self, part: str, reason: str, number: int = 1) -> None:
        reasons = self.breakdown[part]
        reasons[reason] = reasons.get(reason, 0) + number


def known_line_hashes(rows: list[Row]) -> dict[str, str]:
    """Return {identity: hash of the line imported last} of the posts that these rows seem to be."""
    identities = {row.identity for row in rows if row.identity}
    return dict(Post.objects.filter(source_id__among=identities).values_list("source_id", "import_line_hash"))


def validated(
    batch: ImportBatch,
    rows: list[Row],
    known: dict[str, str],
    *,
    only_new: bool = False,
    paused: Callable[[str], Iterable[Hold]] = lambda generator: (),
    encode: Encode | None = None,
) -> tuple[list[Incoming | Settled], list[ImportIssue]]:
    """Return ([Incoming], [ImportIssue]) of a chunk, without using the database.

    known: the result of known_line_hashes(). paused: from holds_of_paused(). encode: from encoder_for().
    """
    return completed(batch, checked_rows(rows, known, only_new=only_new, encode=encode), paused)


def completed(
    batch: ImportBatch,
    verdicts: Iterable[Incoming | Settled | RefusedRow],
    paused: Callable[[str], Iterable[Hold]],
) -> tuple[list[Incoming | Settled], list[ImportIssue]]:
    """Return the results of checked_rows() with what only the site knows. paused: from holds_of_paused()."""
    incoming: list[Incoming | Settled] = []
    refused = []
    for verdict in verdicts:
        if isinstance(verdict, RefusedRow):
            refused.append(issue_of(batch, ImportIssue.Kind.REFUSED, verdict.row, problems=verdict.problems))
            continue
        if isinstance(verdict, Incoming) and (more := paused(verdict.rows.generator)):
            verdict.holds = distinct((*verdict.holds, *more))
        incoming.append(verdict)
    return incoming, refused


def checked_rows(
    rows: list[Row],
    known: dict[str, str],
    *,
    only_new: bool = False,
    encode: Encode | None = None,
) -> list[Incoming | Settled | RefusedRow]:
    """Return what each row is, but for those that are skipped, without using the database.

    known: the result of known_line_hashes(); a line that is unchanged since its last import is not even parsed.
    encode: from encoder_for(), for the rows of posts that seem to be new.
    """
    verdicts: list[Incoming | Settled | RefusedRow] = []
    for row in rows:
        if row.skip_reason:
            continue
        line_hash = digest_in_pieces(hashlib.blake2b(digest_size=16), row.raw + row.context)
        if row.identity in known and (only_new or known[row.identity] == line_hash):
            verdicts.append(Settled(row, row.identity, "skipped" if only_new else "unchanged"))
            continue
        try:
            if row.problem:
                raise RecordRefused([row.problem])
            record, columns = checked_record(row)
        except RecordRefused as refusal:
            problems = [[problem.pointer, problem.message] for problem in refusal.problems]
            verdicts.append(RefusedRow(row, problems))
        else:
            own = holds_of_record(record, _OF_SCHEMA, row.raw if row.record is None else b"")
            verdicts.append(
                Incoming(
                    row,
                    line_hash,
                    record["source_id"],
                    columns,
                    fingerprint_of(record),
                    distinct((*row.holds, *own)),
                    tuple(own_addresses(links_in(record), row.place[0])) if row.place else (),
                )
            )
    if encode:
        new = [item for item in verdicts if isinstance(item, Incoming) and item.row.identity not in known]
        for item, copied in zip(new, encode(new), strict=True):
            item.rows.replace_columns(copied)
    return verdicts


def checked_record(row: Row) -> tuple[RecordDict, RecordRows]:
    """Return the record of a row, and the same as rows of the database; RecordRefused if it is not acceptable.

    May add to the warnings of the row.
    """
    record = row.parse()
    columns = RecordRows.of(record)
    # A snapshot has no slug.
    row.check_keys(columns.json.count(b'"') + (QUOTES_OF_SLUG if "slug" in record else 0))
    return record, columns


def plan_chunk(
    batch: ImportBatch,
    rows: list[Row],
    incoming: list[Incoming | Settled],
    refused: list[ImportIssue],
    seen: Seen,
    *,
    only_new: bool = False,
    lock: bool = True,
    unstated_site: str | None = None,
    posts: dict[str, Post] | None = None,
) -> tuple[ChunkPlan, dict[str, int]]:
    """Return (ChunkPlan, {source_id: line} seen for the first time), in the transaction that will write them.

    unstated_site: from the reader; unless None, no post from another place is changed. posts: the result of
    locked_posts() for these rows, if the caller has it.
    """
    plan = ChunkPlan(batch, issues=list(refused))
    refusals = {issue.line: issue for issue in refused}
    for row in rows:
        if row.skip_reason:
            plan.skip(row, row.skip_reason)
        elif row.line in refusals:
            plan.refuse(row, refusals[row.line])
    first_lines: dict[str, int] = {}
    fresh: list[Incoming] = []
    earlier = seen.first_lines({item.source_id for item in incoming})
    for item in incoming:
        if first := earlier.get(item.source_id) or first_lines.get(item.source_id):
            plan.count("duplicate", item.row)
            plan.issues.append(issue_of(batch, ImportIssue.Kind.DUPLICATE, item.row, first_line=first))
            continue
        first_lines[item.source_id] = item.row.line
        if isinstance(item, Incoming):
            fresh.append(item)
        elif item.outcome == "skipped":
            plan.skip(item.row, KNOWN_ALREADY)
        else:
            plan.count(item.outcome, item.row)
    if posts is None:
        posts = locked_posts([item.source_id for item in fresh], lock=lock) if fresh else {}
    _plan_fresh(plan, fresh, posts, only_new=only_new, unstated_site=unstated_site)
    return plan, first_lines


def _plan_fresh(
    plan: ChunkPlan,
    fresh: list[Incoming],
    posts: dict[str, Post],
    *,
    only_new: bool,
    unstated_site: str | None,
) -> None:
    """Plan rows that no row before them settles. posts: from locked_posts()."""
    recorded = _recorded_holds(posts.values())
    new = []
    for item in fresh:
        plan.name_generator(item)
        post = posts.get(item.source_id)
        if post is None:
            new.append(item)
        elif only_new:
            plan.skip(item.row, KNOWN_ALREADY)
        elif foreign := _foreign(plan.batch, item, post, unstated_site):
            problem = ["", foreign]
            issue = issue_of(plan.batch, ImportIssue.Kind.REFUSED, item.row, problems=[problem])
            plan.issues.append(issue)
            plan.refuse(item.row, issue)
        else:
            _plan_known(plan, item, post)
            _follow_source(plan, item, post, recorded.get(post.pk, {}))
    _plan_new(plan, new)


def locked_posts(source_ids: list[str], *, lock: bool = True) -> dict[str, Post]:
    """Return {source_id: Post} with what planning needs, locked in one order to prevent deadlocks."""
    # In a statement of its own: with a join, a row that came while the lock was awaited would be missing.
    if lock and connection.features.has_select_for_update and not list(_locks(set(source_ids))):
        # A row that comes now makes the insertion fail, and is found when that is tried again.
        return {}
    return {post.source_id: post for post in _posts_to_plan(set(source_ids))}


def locked_post(source_id: str) -> Post | None:
    """Return the post of one record, as locked_posts() does, with queries that are compiled once."""
    if connection.features.has_select_for_update:
        _prepared_locks(connection.vendor).rows(source_ids=[source_id])
    post: Post | None = _prepared_posts(connection.vendor).first(source_ids=[source_id])
    return post


def _locks(source_ids: Collection[str]) -> QuerySet[Post, Any]:
    rows = Post.objects.filter(source_id__among=source_ids).order_by("pk")
    return rows.select_for_update().values_list("pk")


# A set, because Django looks at each item of a list.
def _posts_to_plan(source_ids: Collection[str]) -> QuerySet[Post]:
    return (
        Post.objects.filter(source_id__among=source_ids)
        .select_related("head_revision", "last_batch")
        .only(
            "last_batch__source_path",
            "last_batch__source_name",
            "source_id",
            "import_fingerprint",
            "import_line_hash",
            "known_generator_id",
            "flags",
            "awaits_review",
            "live_revision_id",
            "first_published_at",
            "held",
            "head_revision__number",
            "head_revision__version",
            "head_revision__fingerprint",
            "head_revision__status",
        )
        .order_by("pk")
    )


@lru_cache(maxsize=2)
def _prepared_locks(vendor: str) -> PreparedQuery:
    return PreparedQuery(_locks, source_ids=list)


@lru_cache(maxsize=2)
def _prepared_posts(vendor: str) -> PreparedQuery:
    return PreparedQuery(_posts_to_plan, source_ids=list)


def _plan_known(plan: ChunkPlan, incoming: Incoming, post: Post) -> None:
    """Plan a row of a known post against its last import: a person's edit since then is never overwritten."""
    head = post.head
    if incoming.fingerprint in (post.import_fingerprint, head.fingerprint):
        plan.count("unchanged", incoming.row)
        plan.refreshed.append(RefreshedPost(incoming, post))
    elif head.fingerprint == post.import_fingerprint:
        claimed = claimed_version(incoming.rows.brief)
        is_ahead = claimed and (version_parts(claimed) or ()) > (version_parts(head.version) or (0,))
        plan.count("updated", incoming.row)
        version = claimed if claimed and is_ahead else next_version(head.version)
        plan.updated.append(ChangedPost(incoming, post, version))
    else:
        plan.count("conflict", incoming.row)
        problem = [
            "",
            f"A person changed this post since its last import (now {head.version}); nothing was overwritten.",
        ]
        plan.issues.append(
            issue_of(
                plan.batch,
                ImportIssue.Kind.CONFLICT,
                incoming.row,
                problems=[problem],
                post=post,
                fingerprint=incoming.fingerprint,
                line_hash=incoming.line_hash,
                **({} if incoming.row.record is None else {"raw": dump_json(incoming.record)}),
            )
        )


def _foreign(batch: ImportBatch, incoming: Incoming, post: Post, unstated_site: str | None) -> str:
    """Return why a row may not change a post that came from elsewhere; "" if it may."""
    if batch.token_id is not None and post.known_generator_id != batch.generator_id:
        return f"has the identity of a post that did not come from {batch.generator}; nothing was overwritten."
    if unstated_site is not None and _is_of_another_source(batch, incoming, post):
        return _another_source(post, unstated_site)
    return ""


def _is_of_another_source(batch: ImportBatch, incoming: Incoming, post: Post) -> bool:
    """Return whether a row would change a post from another place."""
    if incoming.fingerprint in (post.import_fingerprint, post.head.fingerprint):
        return False
    before = post.last_batch.source_path if post.last_batch else ""
    return not before or before != batch.source_path


def _another_source(post: Post, site: str) -> str:
    if site:
        rest = (
            f"Name the site if it is the same one: --site {shlex.quote(site)} (Site in the form, “site” in a mapping "
            "file). Give another name if it is not."
        )
    else:
        rest = "If it is another site, name it: --site NAME (Site in the form, “site” in a mapping file)."
    source = post.last_batch.source_name if post.last_batch else "this site"
    return f"has the identity of a post that {source} brought; nothing was overwritten. {rest}"


def _recorded_holds(posts: Iterable[Post]) -> dict[int, dict[str, PostHold]]:
    """Return {post id: {reason: PostHold}} from earlier imports."""
    ids = [post.pk for post in posts]
    recorded: dict[int, dict[str, PostHold]] = {}
    for hold in PostHold.objects.filter(post__in=ids) if ids else ():
        recorded.setdefault(hold.post_id, {})[hold.reason] = hold
    return recorded


def _follow_source(plan: ChunkPlan, incoming: Incoming, post: Post, recorded: dict[str, PostHold]) -> None:
    """Hold what its source no longer shows and free what it shows now, unless it was released here.

    A reason that staff lifted does not hold the post again, and a reason that was never recorded is not removed. If a
    person edited the text since, the source can hold it but not free it.
    """
    reasons = {hold.reason for hold in incoming.holds}
    standing = {reason for reason, hold in recorded.items() if hold.lifted_at is None}
    if reasons:
        plan.note_values(incoming)
    if post.live_revision_id or post.first_published_at:
        # A pause of its generator says nothing against what a person has released.
        if reasons - set(recorded) - {HoldReason.PAUSED}:
            plan.warn(RELEASED_HERE)
            plan.holds.append(HoldChange(post, incoming.holds, post.held))
        return
    lifted = set(recorded) - standing
    if reasons - lifted:
        if not post.held:
            plan.hold(incoming, post)
        if not post.held or reasons - lifted != standing:
            plan.holds.append(HoldChange(post, incoming.holds, True))
    elif post.held and standing and post.head.fingerprint in (post.import_fingerprint, incoming.fingerprint):
        plan.warn(FREED_NOW)
        plan.holds.append(HoldChange(post, incoming.holds, False))


def _plan_new(plan: ChunkPlan, new: list[Incoming]) -> None:
    # The same order in every process: two that insert the same identities wait for each other, but never deadlock.
    new = _without_purged(plan, sorted(new, key=lambda item: item.source_id))
    slugs = free_slugs([item.rows.brief for item in new])
    former = free_former_slugs([item.row.former_slugs for item in new], taken=set(slugs))
    for item, slug, former_slugs in zip(new, slugs, former, strict=True):
        plan.created.append(NewPost(item, slug, first_version(item.rows.brief), former_slugs))
        plan.count("created", item.row)
        if item.holds:
            plan.hold(item)
            plan.note_values(item)


def _without_purged(plan: ChunkPlan, new: list[Incoming]) -> list[Incoming]:
    """Refuse rows with the identity of a purged post; return the others. Nothing of such a row is kept."""
    purged = purged_identities(item.source_id for item in new) if new else set()
    for item in new:
        if item.source_id in purged:
            issue = issue_of(plan.batch, ImportIssue.Kind.REFUSED, item.row, problems=[["", PURGED]], raw="", label="")
            plan.issues.append(issue)
            plan.refuse(item.row, issue)
    return [item for item in new if item.source_id not in purged]


def issue_of(batch: ImportBatch, kind: ImportIssue.Kind, row: Row, **columns: Any) -> ImportIssue:
    """Return the unsaved ImportIssue that keeps `row` for a person to fix: as it came, or as a record."""
    # PostgreSQL stores neither NUL nor half of a surrogate pair, and a raw line may contain any byte.
    if row.record is None:
        raw = row.raw.decode(errors="backslashreplace").replace("\x00", "\\x00")
    else:
        raw = dump_json(row.record).encode(errors="backslashreplace").decode()
    columns = {
        "raw": raw,
        "is_cut": row.is_cut,
        "held": row.held,
        "holds": [list(hold) for hold in row.holds],
        "label": row.label[:500].replace("\x00", ""),
    } | columns
    return ImportIssue(batch=batch, kind=kind, line=row.line, **columns)
