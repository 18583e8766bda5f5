from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import Refused, checked_words, require, require_within_limits
from posts.models import Notification, Post, ReviewFlag
from posts.notifications import people_who_may
from posts.operations.frame import Change, changing, operation


@operation
def flag_post(post: Post, *, by: User | None, reason: str = ReviewFlag.Reason.STAFF, note: str = "") -> ReviewFlag:
    """Flag `post` for human review, which closes it to search engines until a person answers. Return the flag.

    If the same person has an open flag with the same words about the same text, return that one: a double click makes
    one flag.
    """
    require(by, "flag_post")
    if reason not in ReviewFlag.BY_PEOPLE:
        raise Refused("Choose a reason from the list.")
    note = checked_words(note, name="The note")
    with changing(post, by=by) as change:
        fingerprint = change.post.head_revision.fingerprint
        same = change.post.review_flags.filter(
            cleared_at=None, reason=reason, note=note, raised_by=by, fingerprint=fingerprint
        )
        return same.first() or _raise_flag(change, reason=reason, note=note, fingerprint=fingerprint)


@operation
def flag_by_check(
    post: Post, *, rule: str, fingerprint: str, note: str = "", by: User | None = None
) -> ReviewFlag | None:
    """Flag `post` because the check `rule` (its id) found something in the text with `fingerprint`.

    Returns the flag, or None if nothing was flagged: the check's flag about this text is open or was cleared by a
    person, or the text is neither live nor proposed any more.
    """
    require(by, "flag_post")
    note = checked_words(note, name="The note")
    with changing(post, by=by) as change:
        texts = (change.post.head_revision, change.post.live_revision)
        if fingerprint not in {text.fingerprint for text in texts if text is not None}:
            return None
        flags = change.post.review_flags.filter(reason=ReviewFlag.Reason.RULE, rule=rule, fingerprint=fingerprint)
        if flags.exists():
            return None
        return _raise_flag(change, reason=ReviewFlag.Reason.RULE, note=note, fingerprint=fingerprint, rule=rule)


def _raise_flag(change: Change, *, reason: str, note: str, fingerprint: str, rule: str = "") -> ReviewFlag:
    flag = ReviewFlag.objects.create(
        post=change.post, reason=reason, note=note, raised_by=change.by, fingerprint=fingerprint, rule=rule
    )
    if change.post.is_indexable:
        text = f"“{change.post.title}” was flagged and left the search engines: {flag}"
        change.tell(Notification.Kind.FLAGGED, people_who_may("flag_post"), text)
    change.post.needs_human_review = True
    change.note("flagged", revision=change.post.head_revision, detail=str(flag))
    return flag


@operation
def clear_flag(flag: ReviewFlag, *, by: User | None, note: str) -> None:
    """Close one flag by hand; `note` says why."""
    require(by, "flag_post")
    note = checked_words(note, name="The reason")
    if not note:
        raise Refused("Say why the flag no longer applies.")
    with changing(flag.post, by=by) as change:
        post = change.post
        require_within_limits(by, post)
        if not post.review_flags.filter(pk=flag.pk, cleared_at=None).update(
            cleared_at=timezone.now(), cleared_by=by, clear_note=note
        ):
            raise Refused("The flag has already been cleared.")
        post.needs_human_review = post.review_flags.filter(cleared_at=None).exists()
        change.note("flag cleared", revision=post.head_revision, detail=note)


def clear_open_flags(change: Change, *, note: str) -> None:
    """Close every open flag of the post. The approval that calls this has checked that each was read."""
    cleared = change.post.review_flags.filter(cleared_at=None).update(
        cleared_at=timezone.now(), cleared_by=change.by, clear_note=note
    )
    if cleared:
        change.post.needs_human_review = False
        change.note("flags cleared", revision=change.post.head_revision, detail=note)
