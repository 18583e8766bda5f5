from django.db import transaction
from django.utils import timezone

from posts.models import ReviewFlag
from posts.operations.audit import note_audit
from posts.operations.listing import refresh_listing
from posts.operations.refusals import Refused, locked, require


@transaction.atomic
def flag_post(post, *, by, reason=ReviewFlag.Reason.STAFF, note=""):
    """Say that a person must look at `post`; search engines are kept away until it is answered. Return the flag."""
    require(by, "flag_post")
    post = locked(post)
    flag = ReviewFlag.objects.create(
        post=post, reason=reason, note=note, raised_by=by, fingerprint=post.head_revision.fingerprint
    )
    post.needs_human_review = True
    post.save(update_fields=["needs_human_review"])
    refresh_listing(post)
    note_audit("flagged", post=post, by=by, revision=post.head_revision, detail=str(flag))
    return flag


@transaction.atomic
def clear_flag(flag, *, by, note):
    """Close one flag by hand; `note` says why it no longer stands."""
    require(by, "flag_post")
    if not note.strip():
        raise Refused("Say why the flag no longer stands.")
    post = locked(flag.post)
    if not post.review_flags.filter(pk=flag.pk, cleared_at=None).update(
        cleared_at=timezone.now(), cleared_by=by, clear_note=note
    ):
        raise Refused("The flag is cleared already.")
    post.needs_human_review = post.review_flags.filter(cleared_at=None).exists()
    post.save(update_fields=["needs_human_review"])
    refresh_listing(post)
    note_audit("flag cleared", post=post, by=by, revision=post.head_revision, detail=note)


def clear_open_flags(post, *, by, note):
    """Close every open flag of a locked `post`; the approval that calls this has checked that each was read."""
    cleared = post.review_flags.filter(cleared_at=None).update(
        cleared_at=timezone.now(), cleared_by=by, clear_note=note
    )
    if cleared:
        post.needs_human_review = False
        post.save(update_fields=["needs_human_review"])
        note_audit("flags cleared", post=post, by=by, revision=post.head_revision, detail=note)
