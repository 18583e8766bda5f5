"""What anybody may know of a text, as JSON: its record and its decision."""

from typing import Any

from django.conf import settings

from posts.listing.picture_copies import are_copied, copies_of_post
from posts.models import Post, Revision
from posts.models.claims import claims_of, with_claims
from posts.public.disclosure import disclosure_of
from posts.records.schema import RecordDict
from posts.rendering.images import uploaded_picture_address


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


def pictures_of(post: Post, revision: Revision) -> list[dict[str, Any]]:
    """Return what readers get for the pictures of other hosts in `revision`, where this site keeps copies of them.

    The record keeps the addresses that were approved: its fingerprint covers them.
    """
    if not are_copied() or revision.pk != post.live_revision_id:
        return []
    return [
        {
            "url": url,
            "copy": uploaded_picture_address(files[-1].name),
            "width": files[-1].width,
            "height": files[-1].height,
        }
        for url, files in copies_of_post(post).items()
        if any(image["url"] == url for image in revision.snapshot.get("image_sources", ()))
    ]


def address_of(post: Post) -> str:
    """Return the absolute address of the page of `post`."""
    return settings.SITE_URL + post.get_absolute_url()
