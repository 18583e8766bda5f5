from posts.models import AuditEntry


def note_audit(action, *, post, by, revision=None, detail=""):
    """Leave who did what, when, about which text; return the AuditEntry."""
    return AuditEntry.objects.create(
        action=action,
        post=post,
        revision=revision,
        fingerprint=revision.fingerprint if revision else "",
        detail=detail,
        made_by=by,
    )
