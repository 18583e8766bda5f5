from posts.logs import request_id
from posts.models import AuditEntry


def note_audit(action, *, post=None, by, revision=None, before=None, detail=""):
    """Record who did what, when, about which text; return the AuditEntry.

    revision: the text that it is about. before: the Revision that it replaced, if any.
    """
    return AuditEntry.objects.create(
        action=action,
        post=post,
        revision=revision,
        fingerprint=revision.fingerprint if revision else "",
        fingerprint_before=before.fingerprint if before else "",
        detail=detail,
        made_by=by,
        request_id=request_id.get() or "",
    )
