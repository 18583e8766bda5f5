from django.contrib.auth.models import User

from posts.errors import HeadMoved, Refused, require
from posts.models import Revision
from posts.models.claims import claims_today, with_claims
from posts.operations.frame import changing, operation
from posts.operations.record_revision import record_revision
from posts.operations.release import active_approval
from posts.operations.rolled_back import rolled_back_obstacles
from posts.records.schema import RecordRefused


@operation
def restore_revision(
    revision: Revision,
    *,
    by: User | None,
    why: str = "",
    despite_rollback: bool = False,
    expected_head_id: int | None = None,
) -> Revision:
    """Bring the text of an earlier `revision` back as a new head with an equal fingerprint; return it.

    It is pending review, unless it is the live, approved text. Readers' pages stay as they are, and so do today's
    claims and view count. despite_rollback: as in release_revision(). expected_head_id: as in record_revision().
    """
    require(by, "restore_post")
    with changing(revision.post, by=by) as change:
        post = change.post
        if expected_head_id is not None and post.head_revision_id != expected_head_id:
            raise HeadMoved(post)
        revision = Revision.objects.get(pk=revision.pk)
        is_the_same = f"The working copy is already the same as {revision.version}."
        if revision.fingerprint == post.head_revision.fingerprint:
            raise Refused(is_the_same)
        approval = active_approval(revision)
        if obstacles := rolled_back_obstacles(revision, approval, despite_rollback=despite_rollback):
            raise Refused(*obstacles)
        record = with_claims(revision.snapshot, claims_today(post))
        why = why or f"Restored from {revision.version}."
        try:
            restored = record_revision(post, record, by=by, why=why, action="restored", step="restore")
        except RecordRefused as refusal:
            raise Refused(
                f"{revision.version} does not meet today's rules for records: {refusal} Copy what you need by hand."
            ) from None
        # Texts of an earlier canonical version can differ in fingerprint and in nothing else.
        if restored is None:
            raise Refused(is_the_same)
        return restored
