"""What the site says about how a text was made: computed from record and decisions, never typed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from posts.listing.publication_date import first_day
from posts.models import Post, Review, Revision
from posts.models.authorship import LABELS, TYPED, Writing, shown_authors, writing_of
from posts.records.schema import RecordDict
from posts.rendering.dates import day, in_site_zone

# A reviewer's earlier decision about a text that is pending again.
EARLIER: dict[str | None, str] = {
    Review.Outcome.APPROVED: "A reviewer approved this article",
    Review.Outcome.CHANGES_REQUESTED: "A reviewer asked for changes",
    Review.Outcome.REJECTED: "A reviewer rejected this article",
}


@dataclass(frozen=True)
class Step:
    """One mark of the history: a square for a machine, a disc for a person; `is_done` is False for a missing step."""

    name: str
    by_person: bool
    at: datetime | None
    who: str
    is_done: bool = True


@dataclass(frozen=True)
class Disclosure:
    """The sentence under the title (writer, decision, consequence) and its details.

    state: "approved", "flagged" (approved, and flagged since) or "open". authors: the names of the by-line.
    published_on: the day of first publication elsewhere, or None.
    """

    writing: Writing
    authors: list[str]
    published_on: date | None
    decision: str
    rest: str
    state: str
    ending: str
    approved_at: datetime | None
    steps: list[Step]

    @property
    def written(self) -> str:
        return self.writing.sentence

    @property
    def sentence(self) -> str:
        return f"{self.written} {self.decision}{self.rest}"

    @property
    def source_type(self) -> str:
        """The address of the IPTC term for how the text was made, or ""."""
        return self.writing.source_type

    @property
    def is_approved(self) -> bool:
        return self.state == "approved"


def disclosure_of(post: Post, revision: Revision) -> Disclosure:
    """Return the Disclosure of `revision`, the text at the address of `post`.

    It names the day of the open flag if the post was read with `flagged_at`, and a decision other than an approval if
    it was read with `last_outcome`.
    """
    approval = post.live_approval if post.live_approval_id and post.live_revision_id == revision.pk else None
    decision, rest, state, ending = _decision(post, revision, approval)
    writing = writing_of(post, revision)
    is_live = revision.pk == post.live_revision_id
    return Disclosure(
        writing=writing,
        authors=shown_authors(writing, revision.snapshot),
        published_on=first_day(revision.snapshot, post.first_published_at if is_live else None),
        decision=decision,
        rest=rest,
        state=state,
        ending=ending,
        approved_at=approval.created_at if approval else None,
        steps=_steps(post, revision, approval, writing),
    )


def _decision(post: Post, revision: Revision, approval: Review | None) -> tuple[str, str, str, str]:
    """Return (the decision in words, the rest of the sentence, the state, the words at the end of the text)."""
    if approval is None:
        unapproved = "End of an article that is not approved"
        if revision.status == revision.Status.CHANGES_REQUESTED:
            return "A reviewer asked for changes", "; this version is not approved.", "open", unapproved
        if revision.status == revision.Status.APPROVED:
            ending = "End of an article that is approved but not released"
            return "Approved by a reviewer", ", but not released yet.", "open", ending
        said, since = _last_decision(post)
        if said == Review.Outcome.APPROVED_IN_PART:
            rest = f" on {day(since)}; another reviewer has not decided yet. Check it before you rely on it."
            ending = "End of an article that needs another reviewer"
            return "One of its authors approved this article", rest, "open", ending
        if said in EARLIER:
            rest = f" on {day(since)}; it needs another decision. Check it before you rely on it."
            return EARLIER[said], rest, "open", unapproved
        unread = "End of an article that nobody has reviewed"
        return "Nobody has reviewed this article yet.", " Check it before you rely on it.", "open", unread
    on = day(approval.created_at)
    if approval.is_bulk:
        if _last_decision(post)[0] == Review.Outcome.APPROVED_IN_PART:
            rest = f" on {on}; only one of its authors has reviewed it individually."
            ending = "End of an article that only one of its authors has reviewed individually"
            return "Approved together with others", rest, "open", ending
        ending = "End of an article that nobody has reviewed individually"
        return "Approved together with others", f" on {on}; nobody has reviewed it individually.", "open", ending
    if post.needs_human_review or post.closed_until_decided:
        flagged_at = getattr(post, "flagged_at", None)
        flagged = f"flagged on {day(flagged_at)}" if flagged_at else "flagged"
        rest = f" on {on}; {flagged} for another review."
        return "Approved by a reviewer", rest, "flagged", f"Approved on {on}, and flagged since"
    return "Read and approved by a reviewer", f" on {on}.", "approved", f"Approved exactly as shown here, {on}"


def _last_decision(post: Post) -> tuple[str | None, datetime | None]:
    """Return (outcome, datetime) of the newest decision, from Post.objects.with_last_decision()."""
    return getattr(post, "last_outcome", None), getattr(post, "last_decided_at", None)


def _steps(post: Post, revision: Revision, approval: Review | None, writing: Writing) -> list[Step]:
    steps = []
    if writing.origin == TYPED:
        steps.append(Step("Written", True, post.created_at, LABELS[TYPED]))
    else:
        is_known = writing.is_by_machine or writing.is_by_people
        if is_known:
            steps.append(Step("Written", writing.is_by_people, None, LABELS[writing.origin]))
        unknown = "" if is_known else "; who wrote it is not stated"
        steps.append(Step("Imported", False, post.created_at, f"Import {post.first_batch_id}{unknown}"))
        if writing.is_edited:
            at = revision.created_at if revision.author_id else None
            steps.append(Step("Edited", True, at, "An editor"))
    if approval:
        who = "A reviewer, with others" if approval.is_bulk else "A reviewer"
        steps.append(Step("Approved", True, approval.created_at, who))
        steps.append(Step("Released", True, post.last_published_at, f"Version {revision.version}"))
        if post.needs_human_review:
            steps.append(Step("Another review", True, getattr(post, "flagged_at", None), "Requested", is_done=False))
    else:
        said, since = _last_decision(post)
        if said == Review.Outcome.APPROVED_IN_PART:
            steps.append(Step("Approved in part", True, since, "One of its authors"))
        waits_for = "another person" if said else "a person"
        steps.append(Step("Review", True, None, f"Pending: {waits_for} must decide", is_done=False))
        steps.append(Step("Release", True, None, "After approval", is_done=False))
    return steps


def with_own_answer(record: RecordDict, post: Post) -> RecordDict:
    """Return `record` as the meta box shows it: this site's own request for review replaces the claim."""
    flagged_at = getattr(post, "flagged_at", None)
    if not (post.needs_human_review and flagged_at):
        return record
    answer = f"yes, flagged here on {day(flagged_at)}"
    return record | {"flags": record.get("flags", {}) | {"needs_human_review": answer}}


def shown_revision(post: Post, revision: Revision, claim: Any) -> tuple[Any, bool]:
    """Return (values, are_ours) for "revision" in the meta box: the `claim` until there is a decision here."""
    if revision.status in revision.UNDECIDED or revision.status == revision.Status.SUPERSEDED:
        return claim, False
    claims = {"status": revision.get_status_display().lower(), "version": revision.version}
    if post.live_approval and post.live_revision_id == revision.pk:
        claims["last_reviewed"] = in_site_zone(post.live_approval.created_at).date().isoformat()
    return claims, True
