"""Posts that generators send with a token: through the import pipeline, like those of any other source.

What a token can do is here and nothing else: send posts, stop and roll back imports of its own generator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, OperationalError

from posts.errors import Refused
from posts.importing.backlog import check_backlog
from posts.importing.pipeline import ATTEMPTS, import_record, may_pass, options_of
from posts.importing.plan import Incoming, locked_post, validated
from posts.importing.publication import Hold
from posts.importing.readers.base import Row
from posts.importing.readers.jsonl import SPACE
from posts.importing.tasks import begin, run_import, run_rollback
from posts.importing.uploads import Received
from posts.models import ApiToken, HoldReason, ImportBatch
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
    source_id: str
    fingerprint: str
    version: str


def checked_record(token: ApiToken, raw: bytes) -> Incoming:
    """Return a record, in JSON, checked and ready to be written, without the database. Raises RecordRefused."""
    generator = token.generator
    holds = [Hold(HoldReason.PAUSED, generator.name)] if generator.is_paused else []
    row = Row(1, raw.strip(SPACE))
    incoming, refused = validated(ImportBatch.of_token(token), [row], {}, paused=lambda generator: holds)
    for issue in refused:
        raise RecordRefused([Problem(pointer, message) for pointer, message in issue.problems])
    return next(item for item in incoming if isinstance(item, Incoming))


def push_record(token: ApiToken, record: Incoming, *, is_expected: Callable[[str | None], bool]) -> Pushed:
    """Import one record as an import of its own; return what became of it.

    record: from checked_record(). is_expected: takes the fingerprint of the proposed text (None: there is no such
    post). Raises ConditionFailed if it says no, NotYours and BacklogFull; then nothing is kept.
    """
    attempts = ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _push(token, record, is_expected)
        except (IntegrityError, OperationalError) as error:
            # Another request has created the post, or taken its address, after this one had looked.
            if not attempts or not may_pass(error):
                raise


@operation
def _push(token: ApiToken, record: Incoming, is_expected: Callable[[str | None], bool]) -> Pushed:
    before = locked_post(record.source_id)
    if not is_expected(before.head.fingerprint if before else None):
        raise ConditionFailed("The post has changed since you read its ETag. Nothing was changed.")
    if before is not None and before.known_generator_id != token.generator_id:
        raise NotYours(f"This post did not come from {token.generator}. Nothing was changed.")
    batch = ImportBatch.of_token(token, source_name=f"Post {record.source_id}")
    plan = import_record(batch, record, before)
    outcome = next(count for count in COUNTS if plan.counts[count])
    fingerprint, version = plan.text_after(record, before)
    return Pushed(outcome, batch, record.source_id, fingerprint, version)


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
