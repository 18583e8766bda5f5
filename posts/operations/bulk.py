from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.errors import (
    LONG_WORDS,
    HeadMoved,
    NotAllowed,
    Refused,
    checked_words,
    require_person,
    require_second_factor,
)
from posts.models import (
    BulkRow,
    BulkRun,
    Post,
    QueueEntry,
    Review,
    ReviewFlag,
)
from posts.operations.assign import assign_post
from posts.operations.edit_parts import edit_of, edit_parts
from posts.operations.flag import flag_post
from posts.operations.frame import note, operation
from posts.operations.review import Decision, approval_obstacles, decide
from posts.operations.timeouts import long_statement_timeout
from posts.review_queue.claims import claimed_by_another

OUTCOMES: dict[str, Review.Outcome] = {
    BulkRun.Act.APPROVE: Review.Outcome.APPROVED,
    BulkRun.Act.EDITS: Review.Outcome.CHANGES_REQUESTED,
    BulkRun.Act.REJECT: Review.Outcome.REJECTED,
}
RIGHTS: dict[str, str] = {BulkRun.Act.FLAG: "flag_post", **dict.fromkeys(BulkRun.EDITS_PARTS, "change_post")}
# What nobody may do to a post that another person has claimed.
LEAVES_CLAIMED = (*OUTCOMES, *BulkRun.EDITS_PARTS)
CHUNK = 500
OBSTACLES_SHOWN = 20
# The most posts whose images or checklist items one run changes.
MOST_EDITED = 5000


def right_for(act: str) -> str:
    """Return the codename of the right that a bulk action (BulkRun.Act) needs."""
    return RIGHTS.get(act, "review_post")


@operation
def begin_edit(
    act: str,
    options: dict[str, Any],
    *,
    by: User,
    rows: "QuerySet[Any, Any]",
    query: str = "",
) -> BulkRun:
    """Record a change of many images, checklist items or links (BulkRun.EDITS_PARTS); return the BulkRun.

    Nothing is done yet. options: those of the action, and whether it `submits` the new revisions. rows: a queryset, as
    they are now; each has a `position` in its post.
    """
    if act not in BulkRun.EDITS_PARTS:
        raise Refused("Choose an action from the list.")
    require_person(by, right_for(act))
    if options.get("submits"):
        require_person(by, "submit_post")
    edit_of(act, options)
    run = BulkRun.objects.create(act=act, made_by=by, query=query, options=options)
    parts: dict[int, list[int]] = {}
    fingerprints: dict[int, str] = {}
    found = rows.order_by("post", "position").values_list("post", "position", "post__head_revision__fingerprint")
    for post, position, fingerprint in found.iterator(chunk_size=CHUNK):
        parts.setdefault(post, []).append(position)
        fingerprints[post] = fingerprint
        if len(parts) > MOST_EDITED:
            raise Refused(f"These are in more than {MOST_EDITED:,} posts. Narrow the list with a filter.")
    BulkRow.objects.bulk_create(
        (BulkRow(run=run, post_id=post, fingerprint=fingerprints[post], parts=parts[post]) for post in parts),
        batch_size=CHUNK,
    )
    return count_rows(run)


@operation
def begin_bulk(
    act: str,
    *,
    by: User,
    entries: "QuerySet[QueueEntry] | None" = None,
    choices: Iterable[tuple[int, str]] = (),
    query: str = "",
) -> BulkRun:
    """Record which texts a bulk action is about; return the BulkRun. Nothing is done yet.

    entries: a queryset of QueueEntry, as they are now. choices: in place of entries, pairs of the primary key of a
    post and the fingerprint that the person saw. query: the filter that the person came from.
    """
    if act not in BulkRun.Act.values or act in BulkRun.EDITS_PARTS:
        raise Refused("Choose an action from the list.")
    require_person(by, right_for(act))
    if act == BulkRun.Act.APPROVE:
        require_second_factor(by)
    run = BulkRun.objects.create(act=act, made_by=by, query=query)
    if entries is not None:
        _add_entries(run, entries)
    else:
        fingerprints = dict(choices)
        known = set(Post.objects.filter(pk__in=fingerprints).values_list("pk", flat=True))
        rows = (BulkRow(run=run, post_id=pk, fingerprint=text) for pk, text in fingerprints.items() if pk in known)
        BulkRow.objects.bulk_create(rows)
    return count_rows(run)


def _add_entries(run: BulkRun, entries: "QuerySet[QueueEntry]") -> None:
    """Add a row for each entry of the queue, in one statement: there may be a million."""
    chosen, values = entries.order_by("pk").values("pk", "fingerprint").query.sql_with_params()
    with long_statement_timeout(), connection.cursor() as cursor:
        # Django's own SQL, with separate values.
        into = "INSERT INTO posts_bulkrow (run_id, post_id, fingerprint)"
        cursor.execute(f"{into} SELECT %s, chosen.* FROM ({chosen}) AS chosen", [run.pk, *values])  # noqa: S608


def counts_of_rows(run: BulkRun) -> dict[str, Any]:
    """Return what BulkRun.counts stores: {"outcomes": {outcome: rows}, "obstacles": [[words, rows]]}."""
    refused = run.rows.exclude(obstacle="").order_by().values_list("obstacle").annotate(count=Count("pk"))
    return {
        "outcomes": dict(run.rows.order_by().values_list("outcome").annotate(Count("pk"))),
        "obstacles": [list(row) for row in refused.order_by("-count", "obstacle")[:OBSTACLES_SHOWN]],
    }


def count_rows(run: BulkRun) -> BulkRun:
    """Count the rows of a run for its page; return the run."""
    run.counts = counts_of_rows(run)
    BulkRun.objects.filter(pk=run.pk).update(counts=run.counts)
    return run


def _note_progress(run: BulkRun, before: BulkRow.Outcome, rows: Sequence[BulkRow]) -> None:
    """Move rows from the outcome that they had in the stored counts. After a kill, count_rows() corrects these."""
    outcomes = Counter(run.counts["outcomes"])
    outcomes[before.value] -= len(rows)
    outcomes.update(str(row.outcome) for row in rows)
    run.counts = run.counts | {"outcomes": dict(+outcomes)}
    BulkRun.objects.filter(pk=run.pk).update(counts=run.counts)


def look_at_rows(run: BulkRun, *, on_checkpoint: Callable[[], object] = lambda: None) -> BulkRun:
    """Find out and store what each row of a run would get; change nothing else. Return the run, now ready.

    If stopped, it continues with the rows that have no result.
    """
    count_rows(run)
    for rows in in_chunks(run.rows.filter(outcome=BulkRow.Outcome.OPEN), size=CHUNK):
        held = _holds(rows)
        posts = Post.objects.with_texts().in_bulk([row.post_id for row in rows])
        for row in rows:
            obstacles = _obstacles(run, row, posts[row.post_id], held.get(row.post_id))
            row.outcome = BulkRow.Outcome.WILL_REFUSE if obstacles else BulkRow.Outcome.PASSES
            _say(row, obstacles or _will_be(run, row, posts[row.post_id]), is_refused=bool(obstacles))
        BulkRow.objects.bulk_update(rows, ["outcome", "obstacle", "said"], batch_size=200)
        _note_progress(run, BulkRow.Outcome.OPEN, rows)
        on_checkpoint()
    count_rows(run)
    BulkRun.objects.filter(pk=run.pk, state=BulkRun.State.PREPARING).update(state=BulkRun.State.READY)
    return BulkRun.objects.get(pk=run.pk)


def _obstacles(run: BulkRun, row: BulkRow, post: Post, entry: QueueEntry | None) -> Sequence[str]:
    """Return in words what prevents the action of `run` on `post`, by the rules of the operation itself."""
    if post.head_revision.fingerprint != row.fingerprint:
        return HeadMoved(post).obstacles
    if run.act in LEAVES_CLAIMED and entry and (standing := claimed_by_another(entry, by=run.made_by)):
        return standing.obstacles
    if run.act == BulkRun.Act.APPROVE:
        return approval_obstacles(post, Decision(Review.Outcome.APPROVED, is_bulk=True), by=run.made_by)
    try:
        _rehearse(run, row, post)
    except (Refused, NotAllowed) as refusal:
        return getattr(refusal, "obstacles", (str(refusal),))
    return ()


@operation
def _rehearse(run: BulkRun, row: BulkRow, post: Post) -> None:
    """Carry out the action of `run` on `post`, and take it back."""
    _act(run, row, post, reason_code=Review.ReasonCode.OTHER, to=run.made_by)
    transaction.set_rollback(True)


@operation
def confirm_bulk(
    run: BulkRun, *, by: User, reason_code: str = "", comment: str = "", assignee: User | None = None
) -> BulkRun:
    """Confirm a run; return it locked, in the state RUNNING. carry_out() does the work."""
    require_person(by, right_for(run.act))
    run = BulkRun.objects.select_for_update().get(pk=run.pk)
    if run.made_by_id != by.pk:
        raise NotAllowed("Another person selected these posts. Select them yourself.")
    if run.state != BulkRun.State.READY:
        raise Refused(f"This bulk action can't be confirmed now. Its state: {run.get_state_display().lower()}.")
    comment = checked_words(comment, name="The comment", limit=LONG_WORDS)
    if reason_code not in Review.ReasonCode.values:
        raise Refused("Choose a reason from the list.")
    if run.act in (BulkRun.Act.EDITS, BulkRun.Act.REJECT) and not (reason_code or comment):
        raise Refused("Say why: choose a reason or write a comment.")
    if run.act == BulkRun.Act.FLAG:
        comment = checked_words(comment, name="The note")
        if not comment:
            raise Refused("Say what the reviewer should check.")
    if run.act in BulkRun.EDITS_PARTS:
        comment = checked_words(comment, name="The reason")
    run.reason_code, run.comment, run.assignee, run.state = reason_code, comment, assignee, BulkRun.State.RUNNING
    run.save(update_fields=["reason_code", "comment", "assignee", "state"])
    count = run.rows.filter(outcome=BulkRow.Outcome.PASSES).count()
    note("bulk begun", by=by, detail=f"{run}: {count} posts")
    return run


def carry_out(run: BulkRun, *, on_checkpoint: Callable[[], object] = lambda: None) -> BulkRun:
    """Carry out a confirmed run, row by row through the operation itself; return the run.

    Raises Refused for a run that nobody has confirmed. Each row is a transaction of its own that also stores its
    outcome. If stopped, it continues with the rows that have none.
    """
    confirmed = BulkRun.objects.filter(pk=run.pk, state__in=[BulkRun.State.RUNNING, BulkRun.State.DONE])
    if not confirmed.exists():
        raise Refused("Nobody has confirmed this bulk action.")
    count_rows(run)
    for rows in in_chunks(run.rows.filter(outcome=BulkRow.Outcome.PASSES), size=50):
        _note_progress(run, BulkRow.Outcome.PASSES, [_carry_out_row(run, row) for row in rows])
        on_checkpoint()
    count_rows(run)
    BulkRun.objects.filter(pk=run.pk, state=BulkRun.State.RUNNING).update(
        state=BulkRun.State.DONE, finished_at=timezone.now()
    )
    return BulkRun.objects.get(pk=run.pk)


@operation
def _carry_out_row(run: BulkRun, row: BulkRow) -> BulkRow:
    # Two workers at one run: the second finds the outcome of the first.
    row = BulkRow.objects.select_for_update().get(pk=row.pk)
    if row.outcome != BulkRow.Outcome.PASSES:
        return row
    post = Post(pk=row.post_id)
    obstacles: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    try:
        with transaction.atomic():
            entry = QueueEntry.objects.select_related("held_by").filter(pk=row.post_id).first()
            if run.act in LEAVES_CLAIMED and entry and (standing := claimed_by_another(entry, by=run.made_by)):
                raise standing
            done = _act(run, row, post, reason_code=run.reason_code, to=run.assignee)
    except (Refused, NotAllowed) as refusal:
        obstacles = getattr(refusal, "obstacles", (str(refusal),))
    row.outcome = BulkRow.Outcome.REFUSED if obstacles else BulkRow.Outcome.DONE
    _say(row, obstacles or done, is_refused=bool(obstacles))
    row.save(update_fields=["outcome", "obstacle", "said"])
    return row


def _act(run: BulkRun, row: BulkRow, post: Post, *, reason_code: str, to: User | None) -> tuple[str, ...]:
    """Carry out the action of a run on a post; return its result in words if the outcome alone does not say it."""
    if run.act in OUTCOMES:
        decision = Decision(
            OUTCOMES[run.act], row.fingerprint, reason_code=reason_code, comment=run.comment, is_bulk=True
        )
        decide(post, decision, by=run.made_by)
    elif run.act == BulkRun.Act.FLAG:
        flag_post(post, by=run.made_by, reason=ReviewFlag.Reason.STAFF, note=run.comment)
    elif run.act == BulkRun.Act.ASSIGN:
        assign_post(post, to=to, by=run.made_by)
    else:
        revision = edit_parts(
            post,
            edit_of(run.act, run.options),
            places=row.parts,
            fingerprint=row.fingerprint,
            by=run.made_by,
            why=run.comment,
            submits=bool(run.options.get("submits")),
        )
        return (f"Saved as {revision.version}.",)
    return ()


def _will_be(run: BulkRun, row: BulkRow, post: Post) -> tuple[str, ...]:
    """Return in words what a run that changes images or checklist items will do to a post; () for other runs."""
    if run.act not in BulkRun.EDITS_PARTS:
        return ()
    words = edit_of(run.act, run.options).words(post.head_revision.snapshot, row.parts)
    if not post.is_live:
        return (words,)
    return words, f"Readers keep {post.released_revision.version} until the new revision is approved."


def _holds(rows: list[BulkRow]) -> dict[int, QueueEntry]:
    entries = QueueEntry.objects.filter(pk__in=[row.post_id for row in rows], held_by__isnull=False)
    return entries.select_related("held_by").in_bulk()


def _say(row: BulkRow, words: Sequence[str], *, is_refused: bool) -> None:
    row.obstacle = words[0][:300] if is_refused else ""
    row.said = " ".join(words)
