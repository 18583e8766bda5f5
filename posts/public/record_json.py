"""What anybody may know of a text, as JSON: its record and its decision."""

from typing import Any

from django.conf import settings

from posts.models import Post, Revision
from posts.models.claims import claims_of, with_claims
from posts.public.disclosure import disclosure_of
from posts.records.schema import RecordDict


def record_of(post: Post, revision: Revision) -> RecordDict:
    """Return the whole record of a text at the address of `post`, with the claims that its page shows."""
    return with_claims(revision.snapshot, claims_of(post, revision), slug=post.slug)


def review_of(post: Post, revision: Revision) -> dict[str, Any]:
    """Return fingerprint, decision and disclosure of `revision`, the text at the address of `post`."""
    disclosure = disclosure_of(post, revision)
    return {
        "fingerprint": revision.fingerprint,
        "canonical_version": revision.canonical_version,
        "version": revision.version,
        "status": revision.status,
        "approved_at": disclosure.approved_at,
        "disclosure": disclosure.sentence,
        "needs_human_review": post.needs_human_review,
        "flagged_at": getattr(post, "flagged_at", None),
        "digital_source_type": disclosure.source_type or None,
        "origin": disclosure.writing.origin,
        "edited_by_people": disclosure.writing.is_edited,
        "indexable": post.is_indexable and revision.pk == post.live_revision_id,
    }


def address_of(post: Post) -> str:
    """Return the absolute address of the page of `post`."""
    return settings.SITE_URL + post.get_absolute_url()
