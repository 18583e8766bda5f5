"""What the site says about a text's making: computed from record and decisions, never typed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Step:
    """One mark of the trail: a square for the machine, a disc for a person; `is_done` is False where nobody was yet."""

    name: str
    by_person: bool
    at: datetime | None
    who: str
    is_done: bool = True


@dataclass(frozen=True)
class Disclosure:
    """The sentence under the title and the details behind it."""

    written: str
    review: str
    is_approved: bool
    approved_at: datetime | None
    steps: list

    @property
    def sentence(self):
        return f"{self.written} {self.review}"


def disclosure_of(post, revision):
    """The Disclosure of `revision`, the text that stands at the address of `post`."""
    approval = post.live_approval if post.live_approval_id and post.live_revision_id == revision.pk else None
    written = "Written by a machine." if post.is_imported else "Written in this site's editor."
    if approval is None:
        review = "No person has reviewed this text yet."
    elif approval.is_bulk:
        review = f"Approved together with others on {_day(approval.created_at)}; nobody reviewed it one by one."
    elif post.needs_human_review:
        review = f"Approved by a reviewer on {_day(approval.created_at)}; a person has been asked to look again."
    else:
        review = f"Approved by a reviewer on {_day(approval.created_at)}."
    return Disclosure(
        written=written,
        review=review,
        is_approved=approval is not None and not approval.is_bulk and not post.needs_human_review,
        approved_at=approval.created_at if approval else None,
        steps=_steps(post, revision, approval),
    )


def _steps(post, revision, approval):
    generator = revision.snapshot.get("payload", {}).get("generator", "")
    steps = []
    if post.is_imported:
        steps.append(Step("Written", False, None, str(generator) if generator else "generator not stated"))
        steps.append(Step("Imported", False, post.created_at, f"import {post.first_batch_id}"))
    if revision.author_id:
        steps.append(Step("Edited", True, revision.created_at, "an editor"))
    if approval:
        steps.append(Step("Approved", True, approval.created_at, "a reviewer"))
        steps.append(Step("Released", True, post.last_published_at, f"version {revision.version}"))
    else:
        steps.append(Step("Approved", True, None, "nobody yet", is_done=False))
        steps.append(Step("Released", True, None, "after approval", is_done=False))
    return steps


def _day(moment):
    return f"{moment.day} {moment:%B %Y}"


def shown_claims(post, revision):
    """(claims, are_ours): what the meta box says under "revision": the record's claim until the first decision here."""
    if revision.status in revision.UNDECIDED or revision.status == revision.Status.SUPERSEDED:
        return post.claimed_revision, False
    claims = {"status": revision.get_status_display().lower(), "version": revision.version}
    if post.live_approval_id and post.live_revision_id == revision.pk:
        claims["last reviewed"] = post.live_approval.created_at.date().isoformat()
    return claims, True
