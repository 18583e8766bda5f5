"""Remarks on passages of a text: a reviewer adds them, editors answer, accept or resolve them."""

import re
from dataclasses import asdict

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from posts.diff.anchors import PARTS, Anchor, Placer, State, found_anchor
from posts.errors import HeadMoved, Refused, checked_words, require_person
from posts.models import Notification, Post, Remark, RemarkReply, Review, Revision
from posts.operations.frame import Change, changing, operation
from posts.operations.record_revision import record_revision
from posts.operations.suggestions import with_suggestion
from posts.records.schema import RecordRefused

MAX_WORDS = 4_000
MAX_OPEN = 200
# Values of a record that are no content; texts are remarked on by their blocks.
NO_CONTENT = frozenset({*PARTS, "source_id", "slug", "payload", "hash", "revision", "view_count", "score", "flags"})
# As Django allows in account names.
_MENTION = re.compile(r"(?<![\w@.+-])@([\w.@+-]{1,150})")


@operation
def add_remark(
    revision: Revision,
    anchor: Anchor,
    *,
    by: User | None,
    comment: str,
    reason_code: str = "",
    suggestion: str | None = None,
) -> Remark:
    """Say something about a passage of `revision`, and perhaps what to write instead; return the Remark.

    anchor: as a browser sent it; it is corrected by its words. suggestion: None for none, "" to delete the passage.
    """
    require_person(by, "review_post")
    comment = checked_words(comment, name="The remark", limit=MAX_WORDS)
    if suggestion is not None:
        suggestion = checked_words(suggestion, name="The suggestion", limit=MAX_WORDS)
    if not comment and suggestion is None:
        raise Refused("Write a remark or a suggestion.")
    if reason_code not in Review.ReasonCode.values:
        raise Refused("Choose a reason from the list.")
    found = found_anchor(revision.snapshot, anchor)
    if found is None or is_no_content(found):
        raise Refused("These words are no longer in the text. Select the passage again.")
    with changing(revision.post, by=by, ranks=False) as change:
        _require_room(change.post)
        remark = Remark.objects.create(
            post=change.post,
            revision=revision,
            fingerprint=revision.fingerprint,
            anchor=asdict(found),
            reason_code=reason_code,
            comment=comment,
            suggestion=suggestion,
            author=change.person,
        )
        change.note("remark added", revision=revision, detail=_about(remark))
        _tell_mentioned(change, comment)
        return remark


@operation
def answer_remark(remark: Remark, *, by: User | None, text: str) -> RemarkReply:
    """Answer an open remark, and tell everybody who wrote in its thread."""
    _require_any(by)
    text = checked_words(text, name="The answer", limit=MAX_WORDS)
    if not text:
        raise Refused("Write an answer.")
    with changing(remark.post, by=by, ranks=False) as change:
        remark = _open(remark)
        reply = RemarkReply.objects.create(remark=remark, text=text, author=change.person)
        change.note("remark answered", revision=remark.revision, detail=_about(remark))
        people = {remark.author, *(earlier.author for earlier in remark.replies.select_related("author"))}
        told = f"{by} answered a remark on “{change.post.title}”: {text}"
        mentioned = _tell_mentioned(change, text)
        change.tell(Notification.Kind.ANSWERED, people - mentioned, told)
        return reply


@operation
def close_remark(remark: Remark, *, by: User | None) -> None:
    """Close a remark because it is dealt with."""
    _require_any(by)
    with changing(remark.post, by=by, ranks=False) as change:
        _close(change, _open(remark), Remark.Closing.RESOLVED)


@operation
def reopen_remark(remark: Remark, *, by: User | None) -> None:
    """Open a closed remark again."""
    _require_any(by)
    with changing(remark.post, by=by, ranks=False) as change:
        closed = Remark.objects.filter(pk=remark.pk).exclude(closed_at=None)
        if not closed.exists():
            raise Refused("This remark is open already.")
        _require_room(change.post)
        closed.update(closing="", closed_at=None, closed_by=None)
        change.note("remark opened again", revision=remark.revision, detail=_about(remark))


@operation
def accept_suggestion(remark: Remark, *, by: User | None, expected_head_id: int | None = None) -> Revision:
    """Replace the passage of a remark by its suggestion in the proposed text; close it and return the new Revision.

    It is a revision of two authors: who suggested it and who accepted it. Refused if the passage is gone or has
    changed, or the suggestion would touch more than it.
    """
    require_person(by, "change_post")
    with changing(remark.post, by=by) as change:
        remark = _open(remark)
        head = change.post.head_revision
        if expected_head_id is not None and head.pk != expected_head_id:
            raise HeadMoved(change.post)
        if remark.suggestion is None:
            raise Refused("This remark suggests no other words.")
        place = Placer(remark.revision.snapshot, head.snapshot).place(anchor_of(remark))
        if place.anchor is None or place.state != State.SAME:
            raise Refused("The passage has changed since the suggestion. Change the text in the form.")
        record = with_suggestion(head.snapshot, place.anchor, remark.suggestion)
        try:
            revision = record_revision(
                change.post,
                record,
                by=by,
                why=f"Accepted a suggestion by {remark.author}.",
                action="suggestion accepted",
                suggested_by=remark.author,
            )
        except RecordRefused as refusal:
            raise Refused(f"With this suggestion the text is not valid: {refusal}") from None
        if revision is None:
            raise Refused("The text already says what the suggestion says.")
        _close(change, remark, Remark.Closing.ACCEPTED, revision)
        return revision


def is_no_content(anchor: Anchor) -> bool:
    """Return whether a passage is a value that no remark is about: a claim, an identity, or a text as one value."""
    return not anchor.block and anchor.part.split("/")[1] in NO_CONTENT


def _require_room(post: Post) -> None:
    if open_remarks(post) >= MAX_OPEN:
        raise Refused(f"The post has {MAX_OPEN} open remarks. Close some first.")


def anchor_of(remark: Remark) -> Anchor:
    """Return the Anchor of a remark in its own revision."""
    return Anchor(**remark.anchor)


def _open(remark: Remark) -> Remark:
    """Return the remark as it is now, under the lock of its post; Refused if it is closed."""
    remark = Remark.objects.select_related("author", "revision").get(pk=remark.pk)
    if remark.closed_at is not None:
        raise Refused("This remark is closed. Open it again first.")
    return remark


def _close(change: Change, remark: Remark, closing: Remark.Closing, revision: Revision | None = None) -> None:
    Remark.objects.filter(pk=remark.pk).update(closing=closing, closed_at=timezone.now(), closed_by=change.person)
    change.note("remark closed", revision=revision or remark.revision, detail=_about(remark))


def _require_any(by: User | None) -> None:
    """Refuse people who may neither review nor change posts."""
    require_person(by, "change_post" if by is not None and by.has_perm("posts.change_post") else "review_post")


def _about(remark: Remark) -> str:
    words = " ".join(anchor_of(remark).exact.split())
    return f"{anchor_of(remark).path}: “{words[:80]}{'…' if len(words) > 80 else ''}”"


def _tell_mentioned(change: Change, text: str) -> set[User]:
    """Tell the people whose account names stand in `text` after an @; return them. Only who may see posts is told."""
    # A full stop after a name may be part of it or not.
    names = {form for name in _MENTION.findall(text) for form in (name, name.rstrip("."))}
    people = get_user_model().objects.filter(username__in=names, is_active=True, is_staff=True)
    told = {person for person in people if person.has_perm("posts.view_post")}
    if told:
        words = f"{change.by} mentioned you in a remark on “{change.post.title}”: {text}"
        change.tell(Notification.Kind.MENTIONED, told, words)
    return told


def open_remarks(post: Post) -> int:
    """Return how many remarks of a post are open."""
    return post.remarks.filter(closed_at=None).count()
