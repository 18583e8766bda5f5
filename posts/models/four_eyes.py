"""Four eyes: every person's change since the last import or approval needs a reviewer other than its author.

Who wrote what a text holds follows from the chain of texts of its post alone; who has read it, from the decisions about
exactly this text. The first half is a pure function, so that tests can try any chain.
"""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from posts.models import ImportIssue, Origin, Review


@dataclass(frozen=True)
class Text:
    """One text of a chain. authors: the people whose change it is (none: a program's); is_import: whether an import
    brought it, whose text replaces the one before instead of building on it."""

    fingerprint: str
    authors: frozenset = frozenset()
    is_import: bool = False


def surviving_authors(texts, approved=frozenset()):
    """The people whose changes the last of `texts` (Text, the oldest first) holds and no approval covers.

    approved: fingerprints of the texts that an approval stands for. A text that comes back, restored or typed again,
    brings along the authors it had; whoever brings it back is no author of it.
    """
    known, authors = {}, frozenset()
    for text in texts:
        if text.fingerprint in approved:
            authors = frozenset()
        elif text.is_import:
            authors = known.get(text.fingerprint, frozenset()) | text.authors
        else:
            authors = known.get(text.fingerprint, authors | text.authors)
        known[text.fingerprint] = authors
    return authors


def unread_authors(authors, readers):
    """Those of `authors` whose changes nobody but themselves has read; readers: who approved this very text."""
    return frozenset(author for author in authors if not set(readers) - {author})


@dataclass(frozen=True)
class Eyes:
    """Who wrote a text and who has read it, as primary keys of accounts.

    readers: who approved it in part and counts towards the next decision. approvers: who stands behind approvals of it
    that nobody revoked. is_excused: whether one of those is a superuser's with a reason.
    """

    authors: frozenset
    readers: frozenset
    approvers: frozenset = frozenset()
    is_excused: bool = False

    def is_enough(self, by):
        """Whether an approval by `by` leaves nobody's change read by its author alone."""
        return not unread_authors(self.authors, self.readers | {by.pk})

    @property
    def unread_by_approvers(self):
        """The authors whose changes those who approved it have not read."""
        return frozenset() if self.is_excused else unread_authors(self.authors, self.approvers)


def eyes_on(post, revision):
    """The Eyes of `revision`, a text of `post`, in two queries.

    Its own approval is no second pair of eyes for it: it is what is being decided.
    """
    texts = post.revisions.filter(number__lte=revision.number).order_by("number")
    taken = ImportIssue.objects.filter(
        post=post.pk, kind=ImportIssue.Kind.CONFLICT, batch=OuterRef("batch"), fingerprint=OuterRef("fingerprint")
    )
    rows = texts.annotate(is_taken=Exists(taken)).values_list(
        "fingerprint", "author_id", "batch_id", "batch__origin", "batch__started_by_id", "is_taken"
    )
    chain = [
        Text(
            fingerprint,
            # Whoever takes the incoming text of a conflict wrote none of it; whoever mends a row by hand did.
            _people(None if is_taken else author, starter if origin == Origin.PEOPLE else None),
            is_import=batch is not None,
        )
        for fingerprint, author, batch, origin, starter, is_taken in rows
    ]
    decisions = list(
        Review.objects.filter(revision__post=post.pk, undone_at=None)
        .order_by("pk")
        .only("fingerprint", "outcome", "reviewer_id", "own_text_reason", "created_at", "revoked_at")
    )
    approved = {
        decision.fingerprint
        for decision in decisions
        if decision.outcome == Review.Outcome.APPROVED and decision.revoked_at is None
    }
    about_it = [decision for decision in decisions if decision.fingerprint == revision.fingerprint]
    return Eyes(surviving_authors(chain, approved - {revision.fingerprint}), *readers_of(about_it))


def _people(*keys):
    return frozenset(key for key in keys if key is not None)


def readers_of(decisions):
    """(readers, approvers, is_excused) by the decisions about one text, the oldest first.

    An approval in part counts until the next whole decision: an approval takes it along, edits asked for, a rejection
    or a roll-back end it.
    """
    parts, approvers, is_excused = [], set(), False
    for decision in decisions:
        if decision.outcome == Review.Outcome.APPROVED_IN_PART:
            parts.append(decision)
            continue
        if decision.outcome == Review.Outcome.APPROVED and decision.revoked_at is None:
            approvers |= {decision.reviewer_id, *(part.reviewer_id for part in parts)}
            is_excused = is_excused or bool(decision.own_text_reason)
        parts = []
    revoked = max((decision.revoked_at for decision in decisions if decision.revoked_at), default=None)
    readers = {part.reviewer_id for part in parts if revoked is None or part.created_at > revoked}
    return frozenset(readers), frozenset(approvers), is_excused


WHOLE, PART, NONE = "whole", "part", "none"


def weight_of(eyes, *, by, own_text_reason="", is_bulk=False):
    """What an approval by `by` is worth: WHOLE, PART (it is kept, and another decision is missing) or NONE.

    An approval in part takes a second reviewer among the authors, who has to read it as well; anybody who wrote none of
    the text decides alone. In bulk nobody decides about a text that they wrote a part of.
    """
    if by.is_superuser and own_text_reason.strip():
        return WHOLE
    if by.pk not in eyes.authors:
        return WHOLE
    if is_bulk or by.pk in eyes.readers:
        return NONE
    if eyes.is_enough(by):
        return WHOLE
    return PART if reviewers_among(eyes.authors - {by.pk}).exists() else NONE


def reviewers_among(people):
    """The accounts with these primary keys that may decide about texts."""
    return (
        get_user_model()
        .objects.with_perm("posts.review_post", backend="django.contrib.auth.backends.ModelBackend")
        .filter(pk__in=people)
    )


def own_text_obstacles(revision, eyes, *, by, own_text_reason="", is_bulk=False):
    """Why `by` may not approve a text that they wrote or have approved in part already, in words; empty if they may."""
    if weight_of(eyes, by=by, own_text_reason=own_text_reason, is_bulk=is_bulk) != NONE:
        return []
    hint = " Give the reason why you approve it all the same." if by.is_superuser and not is_bulk else ""
    if by.pk in eyes.readers:
        return [f"You have approved {revision.version}. Somebody else must approve your changes.{hint}"]
    if is_bulk and eyes.authors != {by.pk}:
        return [f"You wrote part of {revision.version}. Decide about it individually."]
    part = "" if eyes.authors == {by.pk} else "part of "
    return [f"You wrote {part}{revision.version}. Somebody else must approve it.{hint}"]


def names_of(people):
    """The names of accounts, by their primary keys, as one text: "anna, boris"."""
    names = get_user_model().objects.filter(pk__in=people).order_by("username")
    return ", ".join(map(str, names))


def missing_decision(eyes):
    """Whose decision is missing where a text is approved in part, in words; "" where it is not."""
    unread = unread_authors(eyes.authors, eyes.readers) if eyes.readers else ()
    if not unread:
        return ""
    name = names_of(unread)
    return f"{name} has approved, and wrote part of it. Another reviewer must approve it too."


def unread_obstacles(revision, eyes):
    """Why an approved `revision` may not be released: changes that nobody but their author approved."""
    if not (unread := eyes.unread_by_approvers):
        return []
    name = names_of(unread)
    return [
        f"Nobody but {name} has approved the changes of {name} in {revision.version}. "
        "Change the text, so that somebody else can approve it."
    ]
