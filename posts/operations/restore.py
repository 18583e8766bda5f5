from django.db import transaction

from posts.models import Revision
from posts.operations.record_revision import record_revision
from posts.operations.refusals import Refused, locked, require


@transaction.atomic
def restore_revision(revision, *, by, why=""):
    """Bring the words of an earlier `revision` back as a new head; return it.

    It waits for review, unless it is what readers see and a person approved. Readers' pages stay as they are.
    """
    require(by, "restore_post")
    post = locked(revision.post)
    if revision.fingerprint == post.head_revision.fingerprint:
        raise Refused(f"The working copy is the text of {revision.version} already.")
    restored = record_revision(post, revision.snapshot, by=by, why=why or f"Restored from {revision.version}.")
    post = restored.post
    if post.is_live and post.live_approval_id and post.live_revision.fingerprint == restored.fingerprint:
        return restored
    restored.status = Revision.Status.IN_REVIEW
    restored.save(update_fields=["status"])
    post.awaits_review = True
    post.save(update_fields=["awaits_review"])
    return restored
