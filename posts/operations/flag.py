from django.db import transaction
from django.utils import timezone

from posts.audit.log import note_audit
from posts.errors import Refused, checked_words, require
from posts.listing.refresh import refresh_listing
from posts.models import ReviewFlag
from posts.operations.base import locked
from posts.review_queue.ranking import refresh_queue


@transaction.atomic
def flag_post(post, *, by, reason=ReviewFlag.Reason.STAFF, note=""):
    """Flag `post` for human review, which closes it to search engines until a person answers. Return the flag.

    If the same person has an open flag with the same words about the same text, return that one: a double click makes
    one flag.
    """
    require(by, "flag_post")
    if reason not in ReviewFlag.BY_PEOPLE:
        raise Refused("Choose a reason from the list.")
    note = checked_words(note, name="The note")
    post = locked(post)
    fingerprint = post.head_revision.fingerprint
    same = post.review_flags.filter(
        cleared_at=None, reason=reason, note=note, raised_by=by, fingerprint=fingerprint
    ).first()
    return same or _raise_flag(post, by=by, reason=reason, note=note, fingerprint=fingerprint)


@transaction.atomic
def flag_by_check(post, *, rule, fingerprint, note="", by=None):
    """Flag `post` because the check `rule` (its id) found something in the text with `fingerprint`.

    Returns the flag, or None if nothing was flagged: the check's flag about this text is open or was cleared by a
    person, or the text is neither live nor proposed any more.
    """
    require(by, "flag_post")
    note = checked_words(note, name="The note")
    post = locked(post)
    current = {text.fingerprint for text in (post.head_revision, post.live_revision) if text is not None}
    if fingerprint not in current:
        return None
    if post.review_flags.filter(reason=ReviewFlag.Reason.RULE, rule=rule, fingerprint=fingerprint).exists():
        return None
    return _raise_flag(post, by=by, reason=ReviewFlag.Reason.RULE, note=note, fingerprint=fingerprint, rule=rule)


def _raise_flag(post, *, by, reason, note, fingerprint, rule=""):
    flag = ReviewFlag.objects.create(
        post=post, reason=reason, note=note, raised_by=by, fingerprint=fingerprint, rule=rule
    )
    post.needs_human_review = True
    post.save(update_fields=["needs_human_review"])
    refresh_listing(post)
    refresh_queue(post)
    note_audit("flagged", post=post, by=by, revision=post.head_revision, detail=str(flag))
    return flag


@transaction.atomic
def clear_flag(flag, *, by, note):
    """Close one flag by hand; `note` says why."""
    require(by, "flag_post")
    note = checked_words(note, name="The reason")
    if not note:
        raise Refused("Say why the flag no longer applies.")
    post = locked(flag.post)
    if not post.review_flags.filter(pk=flag.pk, cleared_at=None).update(
        cleared_at=timezone.now(), cleared_by=by, clear_note=note
    ):
        raise Refused("The flag has already been cleared.")
    post.needs_human_review = post.review_flags.filter(cleared_at=None).exists()
    post.save(update_fields=["needs_human_review"])
    refresh_listing(post)
    refresh_queue(post)
    note_audit("flag cleared", post=post, by=by, revision=post.head_revision, detail=note)


def clear_open_flags(post, *, by, note):
    """Close every open flag of a locked `post`. The approval that calls this has checked that each was read."""
    cleared = post.review_flags.filter(cleared_at=None).update(
        cleared_at=timezone.now(), cleared_by=by, clear_note=note
    )
    if cleared:
        post.needs_human_review = False
        post.save(update_fields=["needs_human_review"])
        note_audit("flags cleared", post=post, by=by, revision=post.head_revision, detail=note)
