"""What a record claims of itself outside its fingerprint: hash, view count, review, and a request for review.

A source may change claims with every import, and nobody reads them again. So a page shows the claims of the approval
(`Review.claims`). A newer claim waits in the working copy for the next approval. Approvals that stored no claims had
those of their snapshot.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posts.models.fields import dump_json
from posts.records.schema import CLAIMS, FIELDS, RecordDict, is_digest

if TYPE_CHECKING:
    from posts.models import Post, Revision

Claims = dict[str, Any]

_ASKS = "needs_human_review"


def claims_in(record: RecordDict) -> Claims:
    """Return the claims that a record dict makes: view_count, revision, hash and needs_human_review."""
    claims = {key: record[key] for key in CLAIMS if key in record}
    if _ASKS in record.get("flags", {}):
        claims[_ASKS] = record["flags"][_ASKS]
    return claims


def claims_today(post: "Post") -> Claims:
    """Return the claims of the working copy of `post`."""
    return claims_of_columns(post.view_count, post.claimed_revision, post.claimed_hash, post.flags)


def claims_of_columns(
    view_count: int | None, claimed_revision: Claims, claimed_hash: str, flags: Mapping[str, Any]
) -> Claims:
    """Return the claims in these columns of a Post."""
    values = {"view_count": view_count, "revision": claimed_revision, "hash": claimed_hash, "flags": flags}
    return claims_in({key: value for key, value in values.items() if value not in (None, "", {})})


def claims_of(post: "Post", revision: "Revision") -> Claims:
    """Return the claims to show beside `revision`.

    For an approved revision, those at its approval; for any other, those of today.
    """
    if revision.pk != post.live_revision_id:
        return claims_today(post)
    return claims_of_approval(post.live_approval.claims if post.live_approval else None, revision.snapshot)


def claims_of_approval(kept: Claims | None, snapshot: RecordDict) -> Claims:
    """Return the claims of an approval; `kept` None means those of its snapshot."""
    return claims_in(snapshot) if kept is None else kept


def claims_if_approved(post: "Post", revision: "Revision") -> Claims:
    """Return the claims that readers would see beside `revision` if somebody approved it now.

    Today's claims belong to the proposed text. Beside any other text the claims stay as they are.
    """
    if revision.fingerprint == post.head_revision.fingerprint:
        return claims_today(post)
    if revision.pk == post.live_revision_id:
        return claims_of(post, revision)
    return claims_in(revision.snapshot)


def claims_to_keep(post: "Post", revision: "Revision") -> Claims | None:
    """Return the Review.claims of an approval of `revision` now; None if its snapshot says the same."""
    claims = claims_if_approved(post, revision)
    return None if dump_json(claims) == dump_json(claims_in(revision.snapshot)) else claims


def with_claims(record: RecordDict, claims: Claims, **more: Any) -> RecordDict:
    """Return `record` in the schema's order with these claims and the values of `more`, without empty keys.

    A stored hash that is not a digest stays in storage and is never shown.
    """
    values = {key: value for key, value in record.items() if key not in CLAIMS}
    values |= {key: claims[key] for key in CLAIMS if key in claims} | more
    if not is_digest(values.get("hash", "")):
        del values["hash"]
    if "flags" in record or _ASKS in claims:
        values["flags"] = _flags_with(record.get("flags", {}), claims)
    known = {key: values[key] for key in FIELDS if values.get(key) not in (None, "", [], {})}
    return known | {key: value for key, value in values.items() if key not in FIELDS}


def _flags_with(flags: dict[str, Any], claims: Claims) -> dict[str, Any]:
    """Return the flags in order, with the claim among them taken from `claims`."""
    if _ASKS not in claims:
        return {key: value for key, value in flags.items() if key != _ASKS}
    return flags | {_ASKS: claims[_ASKS]}
