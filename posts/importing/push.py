"""Posts that generators send with a token: through the import pipeline, like those of any other source.

What a token can do is here and nothing else: send posts, stop and roll back imports of its own generator.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from posts.errors import Refused
from posts.importing.backlog import check_backlog
from posts.importing.pipeline import import_source, options_of
from posts.importing.sources import Source
from posts.importing.tasks import begin, run_import, run_rollback
from posts.importing.uploads import Received
from posts.models import ApiToken, ImportBatch, ImportIssue, Post
from posts.models.import_batch import COUNTS
from posts.operations.frame import note, operation
from posts.records.schema import Problem, RecordRefused

State = ImportBatch.State


class ConditionFailed(Refused):
    """The post is not as the sender knows it."""


class NotYours(Refused):
    """The post did not come from the generator of the token."""


@dataclass(frozen=True)
class Pushed:
    """What became of a record: one of COUNTS, its import, and the proposed text of its post now."""

    outcome: str
    batch: ImportBatch
    post: Post


@operation
def push_record(token: ApiToken, raw: bytes, *, source_id: str, is_expected: Callable[[str | None], bool]) -> Pushed:
    """Import one record, in JSON, as an import of its own; return its outcome.

    source_id: the identity of the record. is_expected: takes the fingerprint of the proposed text (None: there is no
    such post). Raises ConditionFailed if it says no, NotYours, BacklogFull and RecordRefused; then nothing is kept.
    """
    post = Post.objects.select_for_update(of=("self",)).select_related("head_revision").filter(source_id=source_id)
    before = post.only("known_generator", "awaits_review", "withdrawn_at", "head_revision__fingerprint").first()
    if not is_expected(before.head.fingerprint if before else None):
        raise ConditionFailed("The post has changed since you read its ETag. Nothing was changed.")
    if before is not None and before.known_generator_id != token.generator_id:
        raise NotYours(f"This post did not come from {token.generator}. Nothing was changed.")
    if before is None or not before.awaits_review:
        check_backlog(token.generator)
    problems: list[Problem] = []

    def keep(issue: ImportIssue) -> None:
        problems.extend(Problem(pointer, message) for pointer, message in issue.problems)

    # The source has no name of a file: nothing continues it, and nobody waits for its lock.
    name = f"Post {source_id}"
    batch = ImportBatch.of_token(token, source_name=name, started_at=timezone.now())
    batch = import_source(Source(name, io.BytesIO(raw)), batch=batch, on_issue=keep)
    outcome = next((count for count in COUNTS if getattr(batch, count)), "refused")
    if outcome == "refused":
        raise RecordRefused(problems)
    posts = Post.objects.select_related("head_revision").only(
        "source_id", "head_revision__fingerprint", "head_revision__version"
    )
    after = posts.get(source_id=source_id)
    # Another request may have created the post after it was looked for: there was no row to lock.
    if before is None and outcome != "created" and not is_expected(after.head.fingerprint):
        raise ConditionFailed("Another request has created the post in the meantime. Nothing was changed.")
    return Pushed(outcome, batch, after)


@operation
def take_import(token: ApiToken, received: Received, *, name: str, only_new: bool) -> ImportBatch:
    """Queue the import of a received file; return its ImportBatch. Raises BacklogFull."""
    check_backlog(token.generator)
    batch = ImportBatch.of_token(
        token,
        source_name=(name or f"Posts of {token.generator}")[:500],
        source_path=str(received.path),
        source_bytes=received.size,
        format="jsonl",
        options=options_of(only_new, None),
        state=State.WAITING,
    )
    batch.save(force_insert=True)
    note("import file taken", by=None, detail=f"{batch}, from {token}")
    begin(run_import, batch, by=None)
    return batch


@operation
def cancel_import(token: ApiToken, batch: ImportBatch) -> ImportBatch:
    """Stop an import after the chunk that is being written; one that waits does not begin. What is in stays.

    Raises Refused if it has ended.
    """
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.state not in (State.WAITING, State.RUNNING, State.STOPPED):
        raise Refused(f"Import {batch.pk} can't be cancelled: {batch.get_state_display().lower()}.")
    if not batch.stop_requested:
        batch.stop_requested = True
        names = ["stop_requested"]
        if batch.state == State.WAITING:
            batch.state, batch.message = State.STOPPED, "Cancelled before it began."
            names += ["state", "message"]
        batch.save(update_fields=names)
        note("import cancelled", by=None, detail=f"{batch}, by {token}")
    return batch


@operation
def roll_back_import(token: ApiToken, batch: ImportBatch) -> ImportBatch:
    """Queue the roll-back of an import; return it. Raises Refused if it has not begun or is running."""
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.state not in (State.STOPPED, State.FINISHED, State.ROLLING_BACK, State.ROLLED_BACK):
        raise Refused(f"Import {batch.pk} can't be rolled back: {batch.get_state_display().lower()}. Cancel it first.")
    if batch.state in (State.STOPPED, State.FINISHED):
        note("import roll-back requested", by=None, detail=f"{batch}, by {token}")
        begin(run_rollback, batch, by=None, why=f"Requested with the token {token}.")
    return batch


def own_import(token: ApiToken, number: int) -> ImportBatch | None:
    """Return an import of the generator of a token, or None: others don't exist for it."""
    rows: Any = ImportBatch.objects.filter(generator=token.generator_id)
    return rows.filter(pk=number).first() if 0 < number < 2**63 else None
