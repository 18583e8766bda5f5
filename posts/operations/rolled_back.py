"""Texts whose import was rolled back.

Readers see one again only if a person was told so, and it stays closed to search engines until a new individual
decision.
"""

from django.utils.dateparse import parse_datetime

from posts.models import ImportBatch, Review, Revision

ROLLED_BACK_STATES = (ImportBatch.State.ROLLING_BACK, ImportBatch.State.ROLLED_BACK)


def rolled_back_import(revision: Revision | None, approval: Review | None) -> ImportBatch | None:
    """Return the rolled-back ImportBatch that last brought the text of `revision`, or None.

    None also if `approval` (the active Review of the text) is a decision made since.
    """
    if revision is None:
        return None
    brought = revision.post.revisions.filter(fingerprint=revision.fingerprint, batch__isnull=False)
    newest = brought.select_related("batch").defer("snapshot").order_by("-number").first()
    batch = newest.batch if newest else None
    if batch is None or batch.state not in ROLLED_BACK_STATES:
        return None
    # A decision made while the roll-back ran did not know of it.
    ended = parse_datetime(batch.rollback.get("ended", ""))
    return None if ended and approval is not None and approval.created_at > ended else batch


def rolled_back_warning(revision: Revision | None, approval: Review | None) -> str:
    """Return in words what a person must confirm before readers see `revision` again, or ""."""
    if revision is None or (batch := rolled_back_import(revision, approval)) is None:
        return ""
    return (
        f"Import {batch.pk}, which brought {revision.version}, was rolled back. Nobody has decided about this "
        f"revision since then."
    )


def rolled_back_obstacles(revision: Revision | None, approval: Review | None, *, despite_rollback: bool) -> list[str]:
    """Return why an action that brings `revision` back is refused: the roll-back was not confirmed."""
    warning = "" if despite_rollback else rolled_back_warning(revision, approval)
    return [f"{warning} Confirm that you want this revision."] if warning else []
