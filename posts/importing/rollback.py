import contextlib
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.errors import Refused, require
from posts.importing.locks import AlreadyRunning, source_lock
from posts.importing.pipeline import CHUNK_ROWS, OnChunk, Shield, busy_message
from posts.importing.writers import writer_for
from posts.models import ImportBatch, ImportIssue, Post, Release, Revision
from posts.operations.frame import Change, changing_posts, note, operating, operation
from posts.operations.release import move_back, revoke_approvals, rollback_target
from posts.operations.timeouts import long_statement_timeout

COUNTS = ("withdrawn", "set_back", "kept", "approved_since")


@dataclass(frozen=True)
class RollbackPlan:
    """What rolling a batch back would do, in numbers of posts."""

    withdraws: int  # it created them
    sets_back: int  # it changed their text
    keeps: int  # a person or a later import changed them since
    were_approved: int  # of the first two: approved since, so that readers will see a change
    is_partial: bool = False  # there are more, which were not looked at


def plan_rollback(batch: ImportBatch, *, most: int | None = None) -> RollbackPlan:
    """Return the RollbackPlan of `batch` as things are now, from one scan of its revisions, or of the first `most`."""
    of_batch = Revision.objects.filter(batch=batch, pk__gt=batch.rollback.get("after", 0))
    is_partial = False
    if most is not None:
        keys = list(of_batch.order_by("pk").values_list("pk", flat=True)[most - 1 : most + 1])
        if is_partial := len(keys) == 2:
            of_batch = of_batch.filter(pk__lte=keys[0])
    is_head = Q(post__head_revision__batch=batch)
    is_created = Q(post__first_batch=batch)
    with long_statement_timeout():
        counts = of_batch.aggregate(
            withdraws=Count("pk", filter=is_head & is_created & Q(post__withdrawn_at=None)),
            sets_back=Count("pk", filter=is_head & ~is_created),
            keeps=Count("pk", filter=~is_head),
            were_approved=Count(
                "pk", filter=is_head & Q(post__live_revision__batch=batch) & Q(post__withdrawn_at=None)
            ),
        )  # fmt: skip
    return RollbackPlan(**counts, is_partial=is_partial)


def roll_back_batch(
    batch: ImportBatch,
    *,
    by: User | None,
    why: str = "",
    on_chunk: OnChunk | None = None,
    shield: Shield = contextlib.nullcontext,
) -> ImportBatch:
    """Roll back an import; return the batch, whose `rollback` counts the results.

    Posts that it created are withdrawn. Posts whose text it changed get the earlier text as a new revision. If
    somebody approved the import's text since, readers get the release before, and the post is listed as an exception.
    What a person or a later import changed since is kept and listed. Nothing is deleted. Works in chunks; if stopped,
    another call continues, and a second complete call changes nothing.

    on_chunk(batch) is called after each chunk. Raises Refused while the import runs.
    """
    require(by, "import_posts")
    name = batch.source_path or f"import {batch.pk}"
    try:
        with source_lock(name):
            batch = ImportBatch.objects.get(pk=batch.pk)
            if batch.state == ImportBatch.State.ROLLED_BACK:
                return batch
            if batch.state == ImportBatch.State.WAITING:
                raise Refused(f"Import {batch.pk} has not begun, so there is nothing to roll back.")
            _begin(batch, by, why)
            revisions = batch.revisions.values_list("pk", "post_id")
            for rows in in_chunks(revisions, size=CHUNK_ROWS[connection.vendor], after=batch.rollback["after"]):
                with shield():
                    _take_chunk(batch, rows, by)
                if on_chunk:
                    on_chunk(batch)
            _end(batch, by)
            return batch
    except AlreadyRunning:
        raise Refused(f"{busy_message(batch.source_path)} Stop it first.") from None


@operation
def _begin(batch: ImportBatch, by: User | None, why: str) -> None:
    if batch.state != ImportBatch.State.ROLLING_BACK:
        batch.state = ImportBatch.State.ROLLING_BACK
        batch.rollback = {"why": why[:500], "began": timezone.now().isoformat(), "after": 0} | dict.fromkeys(COUNTS, 0)
        batch.save(update_fields=["state", "rollback"])
        note("import roll-back started", by=by, detail=f"{batch}. {why}".strip())


@operation
def _end(batch: ImportBatch, by: User | None) -> None:
    batch.issues.filter(kind=ImportIssue.Kind.CONFLICT, resolution=ImportIssue.Resolution.OPEN).update(
        resolution=ImportIssue.Resolution.ROLLED_BACK, resolved_by=by, resolved_at=timezone.now()
    )
    batch.state = ImportBatch.State.ROLLED_BACK
    batch.rollback |= {"ended": timezone.now().isoformat()}
    batch.save(update_fields=["state", "rollback"])
    counts = ", ".join(f"{batch.rollback[name]} {name.replace('_', ' ')}" for name in COUNTS)
    note("import rolled back", by=by, detail=f"{batch}: {counts}")


def _take_chunk(batch: ImportBatch, rows: list[tuple[int, int]], by: User | None) -> None:
    """Roll back the posts of `rows` (revision, post) in one transaction with its checkpoint."""
    ids = {post_id for _, post_id in rows}
    # Without the texts: most posts of a batch are only withdrawn.
    posts = Post.objects.filter(pk__in=ids).select_related("head_revision__author", "live_revision")
    posts = posts.only(
        "source_id",
        "first_batch_id",
        "withdrawn_at",
        "live_approval_id",
        *(f"head_revision__{name}" for name in ("number", "version", "fingerprint", "batch_id", "author__username")),
        *(f"live_revision__{name}" for name in ("version", "fingerprint", "batch_id", "post_id")),
    )
    with operating():
        step = _Step(batch, by)
        with changing_posts(posts, by=by) as changes:
            for change in changes:
                step.take(change)
            step.write()
        rollback = batch.rollback | {"after": rows[-1][0]}
        rollback |= {name: rollback[name] + step.counts[name] for name in COUNTS}
        ImportBatch.objects.filter(pk=batch.pk).update(rollback=rollback)
    batch.rollback = rollback


class _Step:
    """One chunk of posts: sorted first, then written in sets."""

    def __init__(self, batch: ImportBatch, by: User | None) -> None:
        self.batch = batch
        self.by = by
        self.why = f"Import {batch.pk} rolled back."
        self.now = timezone.now()
        self.counts = dict.fromkeys(COUNTS, 0)
        self.withdrawn: list[Change] = []
        self.set_back: list[Change] = []
        self.issues: list[ImportIssue] = []

    def take(self, change: Change) -> None:
        """Plan what becomes of one locked post."""
        post = change.post
        head = post.head
        if head.batch_id != self.batch.pk:
            self.keep(post)
        elif post.first_batch_id != self.batch.pk:
            self.set_back.append(change)
        elif post.withdrawn_at is None:
            if post.live_revision is not None:
                self.note(
                    post,
                    ImportIssue.Kind.SET_BACK,
                    f"{post.live_revision.version} was approved since then; it is withdrawn.",
                )
            self.withdrawn.append(change)

    def keep(self, post: Post) -> None:
        """Keep the work of a person or of a later import, and list it as an exception."""
        head = post.head
        if head.batch_id:
            reason = f"Import {head.batch_id} has since brought {head.version}."
        else:
            reason = f"{head.author or 'Somebody'} has since saved {head.version}."
        live = post.live_revision if post.is_live else None
        if live is not None and live.batch_id == self.batch.pk:
            reason += f" Readers see {live.version}, which is of this import."
        self.counts["kept"] += 1
        self.note(post, ImportIssue.Kind.KEPT, reason, is_approved=False)

    def note(self, post: Post, kind: ImportIssue.Kind, reason: str, is_approved: bool = True) -> None:
        self.counts["approved_since"] += is_approved
        self.issues.append(ImportIssue(batch=self.batch, kind=kind, line=0, problems=[["", reason]], post=post))

    def write(self) -> None:
        """Write everything in the caller's transaction."""
        self.counts["withdrawn"] += len(self.withdrawn)
        self.counts["set_back"] += len(self.set_back)
        self._withdraw(self.withdrawn)
        self._write_texts_before()
        ImportIssue.objects.bulk_create(self.issues)

    def _withdraw(self, changes: list[Change]) -> None:
        for change in changes:
            change.post.withdrawn_at = self.now
            change.note("withdrawn", revision=change.post.head, detail=self.why)
        Release.objects.bulk_create(
            Release(
                post=change.post, kind=Release.Kind.WITHDRAWN, before=change.post.live_revision, owner=self.by,
                made_by=self.by, made_at=self.now, why=self.why
            )
            for change in changes
        )  # fmt: skip

    def _write_texts_before(self) -> None:
        if not self.set_back:
            return
        for change in self.set_back:
            self._set_readers_back(change)
        before = self._before()
        revisions = writer_for(connection).write_restored(
            [(change.post, *before[change.post.pk]) for change in self.set_back], by=self.by, why=self.why
        )
        for change, revision_id in zip(self.set_back, revisions, strict=True):
            restored = Revision(pk=revision_id, fingerprint=before[change.post.pk][0].fingerprint)
            change.note("restored", revision=restored, detail=self.why)
            # The post now belongs to another import, whose switch may be off.
            if change.post.live_revision_id:
                change.relist()

    def _set_readers_back(self, change: Change) -> None:
        """Give readers the release before, or nothing, if somebody approved the import's text."""
        post = change.post
        left = post.live_revision
        if left is None or left.batch_id != self.batch.pk:
            return
        target = rollback_target(post)
        if target is None:
            revoke_approvals(left, by=self.by)
            if post.withdrawn_at is None:
                self._withdraw([change])
            after = "withdrawn: no revision was released before"
        else:
            move_back(change, target, why=self.why)
            after = f"readers see {target.version} again"
        self.note(post, ImportIssue.Kind.SET_BACK, f"{left.version} was approved since then; {after}.")

    def _before(self) -> dict[int, tuple[Revision, int | None]]:
        """Return {post id: (the last revision before this batch's first, the id of its import)}."""
        posts = [change.post.pk for change in self.set_back]
        firsts: dict[int, int] = {}
        latest: dict[int, int] = {}
        batches: dict[int, int | None] = {}
        rows = Revision.objects.filter(post__in=posts).order_by("number").values_list("post_id", "pk", "batch_id")
        for post_id, pk, batch_id in rows:
            if batch_id == self.batch.pk:
                firsts.setdefault(post_id, pk)
            elif post_id not in firsts:
                latest[post_id] = pk
                batches[post_id] = batch_id or batches.get(post_id)
        found = Revision.objects.in_bulk(list(latest.values()))
        return {post_id: (found[pk], batches[post_id]) for post_id, pk in latest.items()}
