"""Four eyes: every person's change since the last import or approval needs a reviewer other than its author.

The authors of a text follow from the texts of its post, its readers from the decisions about exactly this text. The
first half is a pure function, so that tests can try any chain of texts.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from posts.models import ImportIssue, Origin, Post, Review, Revision

# Primary keys of accounts.
People = frozenset[int]


@dataclass(frozen=True)
class Text:
    """One text of a chain.

    authors: the people who made this change, none for a program. is_import: an import brought it; it replaces the
    text before instead of building on it.
    """

    fingerprint: str
    authors: People = frozenset()
    is_import: bool = False


def surviving_authors(texts: Iterable[Text], approved: Collection[str] = frozenset()) -> People:
    """Return the people whose changes the last of `texts` (oldest first) holds without an approval.

    approved: fingerprints of approved texts. A text that is restored or typed again has its former authors; the
    person who brings it back is not one of them.
    """
    known: dict[str, People] = {}
    authors: People = frozenset()
    for text in texts:
        if text.fingerprint in approved:
            authors = frozenset()
        elif text.is_import:
            authors = known.get(text.fingerprint, frozenset()) | text.authors
        else:
            authors = known.get(text.fingerprint, authors | text.authors)
        known[text.fingerprint] = authors
    return authors


def unread_authors(authors: People, readers: People) -> People:
    """Return those of `authors` whose changes only they have read. readers: who approved this very text."""
    return frozenset(author for author in authors if not set(readers) - {author})


@dataclass(frozen=True)
class Eyes:
    """Who wrote a text and who has read it, as primary keys of accounts.

    readers: who approved it in part and counts towards the next decision. approvers: who made the approvals that are
    not revoked. is_excused: one of those is a superuser's with a reason.
    """

    authors: People
    readers: People
    approvers: People = frozenset()
    is_excused: bool = False

    def is_enough(self, by: User) -> bool:
        """Return whether, with an approval by `by`, somebody other than its author has read every change."""
        return not unread_authors(self.authors, self.readers | {by.pk})

    @property
    def unread_by_approvers(self) -> People:
        """The authors whose changes the approvers have not read."""
        return frozenset() if self.is_excused else unread_authors(self.authors, self.approvers)


def eyes_on(post: Post, revision: Revision) -> Eyes:
    """Return the Eyes of `revision` of `post`, in two queries.

    Its own approval doesn't count as a second reader: it is what is being decided.
    """
    texts = post.revisions.filter(number__lte=revision.number).order_by("number")
    taken = ImportIssue.objects.filter(
        post=post.pk, kind=ImportIssue.Kind.CONFLICT, batch=OuterRef("batch"), fingerprint=OuterRef("fingerprint")
    )
    rows = texts.annotate(is_taken=Exists(taken)).values_list(
        "fingerprint", "author_id", "suggested_by_id", "batch_id", "batch__origin", "batch__started_by_id", "is_taken"
    )
    chain = [
        Text(
            fingerprint,
            # A person who accepts the incoming text of a conflict wrote none of it; one who fixes a row by hand did.
            _people(None if is_taken else author, suggester, starter if origin == Origin.PEOPLE else None),
            is_import=batch is not None,
        )
        for fingerprint, author, suggester, batch, origin, starter, is_taken in rows
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


def _people(*keys: int | None) -> People:
    return frozenset(key for key in keys if key is not None)


def readers_of(decisions: Sequence[Review]) -> tuple[People, People, bool]:
    """Return (readers, approvers, is_excused) from the decisions about one text, oldest first.

    An approval in part counts until the next full decision: an approval includes it; a request for changes, a
    rejection or a roll-back ends it.
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


def weight_of(eyes: Eyes, *, by: User, own_text_reason: str = "", is_bulk: bool = False) -> str:
    """Return what an approval by `by` is worth: WHOLE, PART (kept, another decision is missing) or NONE.

    An approval in part needs a second reviewer among the authors, who has to read the text too. A person who wrote
    none of the text decides alone. A bulk approval never covers a text that the person wrote a part of.
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


def reviewers_among(people: People) -> QuerySet[User]:
    """Return the accounts with these primary keys that may decide."""
    return (
        get_user_model()
        .objects.with_perm("posts.review_post", backend="django.contrib.auth.backends.ModelBackend")
        .filter(pk__in=people)
    )


def own_text_obstacles(
    revision: Revision, eyes: Eyes, *, by: User, own_text_reason: str = "", is_bulk: bool = False
) -> list[str]:
    """Return in words why `by` may not approve a text of their own, or one they approved in part.

    Empty if they may.
    """
    if weight_of(eyes, by=by, own_text_reason=own_text_reason, is_bulk=is_bulk) != NONE:
        return []
    hint = " Give a reason to approve it yourself." if by.is_superuser and not is_bulk else ""
    if by.pk in eyes.readers:
        return [f"You have approved {revision.version}. Another reviewer must approve your changes.{hint}"]
    if is_bulk and eyes.authors != {by.pk}:
        return [f"You wrote part of {revision.version}. Decide about it individually."]
    part = "" if eyes.authors == {by.pk} else "part of "
    return [f"You wrote {part}{revision.version}. Another reviewer must approve it.{hint}"]


def names_of(people: People) -> str:
    """Return the names of accounts, given by primary key, as one text: "anna, boris"."""
    names = get_user_model().objects.filter(pk__in=people).order_by("username")
    return ", ".join(map(str, names))


def missing_decision(eyes: Eyes) -> str:
    """Return in words whose decision is missing after an approval in part; "" if none is."""
    unread = unread_authors(eyes.authors, eyes.readers) if eyes.readers else ()
    if not unread:
        return ""
    name = names_of(unread)
    return f"{name} approved it and wrote part of it. Another reviewer must approve it too."


def unread_obstacles(revision: Revision, eyes: Eyes) -> list[str]:
    """Return why an approved `revision` may not be released: changes that only their author approved."""
    if not (unread := eyes.unread_by_approvers):
        return []
    name = names_of(unread)
    return [
        f"Only {name} has approved the changes by {name} in {revision.version}. Change the post so that another "
        f"reviewer can approve it."
    ]
