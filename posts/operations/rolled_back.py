"""Texts whose import was rolled back since: readers see one again only where a person was told so, and search engines
stay away until somebody decides about it anew."""

from django.utils.dateparse import parse_datetime

from posts.models import ImportBatch

ROLLED_BACK_STATES = (ImportBatch.State.ROLLING_BACK, ImportBatch.State.ROLLED_BACK)


def rolled_back_import(revision, approval):
    """The ImportBatch that brought the words of `revision` last, where it was rolled back and `approval` (the Review
    that stands for them, or None) is no decision since; else None."""
    if revision is None:
        return None
    brought = revision.post.revisions.filter(fingerprint=revision.fingerprint, batch__isnull=False)
    newest = brought.select_related("batch").defer("snapshot").order_by("-number").first()
    if newest is None or newest.batch.state not in ROLLED_BACK_STATES:
        return None
    # What was decided while the roll-back ran was decided without it.
    ended = parse_datetime(newest.batch.rollback.get("ended", ""))
    return None if ended and approval is not None and approval.created_at > ended else newest.batch


def rolled_back_warning(revision, approval):
    """What a person has to confirm before readers see `revision` again, in words; "" where there is nothing to say."""
    if (batch := rolled_back_import(revision, approval)) is None:
        return ""
    return (
        f"Import {batch.pk}, which brought {revision.version}, was rolled back, and nobody has decided about it since."
    )


def rolled_back_obstacles(revision, approval, *, despite_rollback):
    """Why an act that brings `revision` back is refused: the person has not said that they know of the roll-back."""
    warning = "" if despite_rollback else rolled_back_warning(revision, approval)
    return [f"{warning} Confirm that you want this text."] if warning else []
