"""What a record says of itself and no fingerprint covers: its hash, its view count, its own review, and whether it asks
for a person.

A source may change them with every import, and nobody reads them again. So a page shows of an approved text what the
record claimed when somebody approved it (`Review.claims`); a newer claim waits in the working copy for the next
approval. Approvals that kept no claims had those that came with their text, which its snapshot has.
"""

from posts.models.fields import dump_json
from posts.records.schema import CLAIMS, FIELDS, is_digest

_ASKS = "needs_human_review"


def claims_in(record):
    """The claims of a record dict: {"view_count": …, "revision": …, "hash": …, "needs_human_review": …}, those made."""
    claims = {key: record[key] for key in CLAIMS if key in record}
    if _ASKS in record.get("flags", {}):
        claims[_ASKS] = record["flags"][_ASKS]
    return claims


def claims_today(post):
    """What the record of `post` claims by its last import or edit."""
    return claims_of_columns(post.view_count, post.claimed_revision, post.claimed_hash, post.flags)


def claims_of_columns(view_count, claimed_revision, claimed_hash, flags):
    """The claims in these columns of a Post."""
    values = {"view_count": view_count, "revision": claimed_revision, "hash": claimed_hash, "flags": flags}
    return claims_in({key: value for key, value in values.items() if value not in (None, "", {})})


def claims_of(post, revision):
    """The claims that stand beside `revision`, the text at the address of `post`: as they were when a person approved
    it; of a text that nobody approved, those of today."""
    if revision.pk != post.live_revision_id:
        return claims_today(post)
    return claims_of_approval(post.live_approval.claims if post.live_approval_id else None, revision.snapshot)


def claims_of_approval(kept, snapshot):
    """The claims of an approval that kept these (None: those of the snapshot that it is about)."""
    return claims_in(snapshot) if kept is None else kept


def claims_if_approved(post, revision):
    """The claims that readers would see beside `revision` if somebody approved it now. Those of today belong to the
    proposed words: beside others the claims stay as they are."""
    if revision.fingerprint == post.head_revision.fingerprint:
        return claims_today(post)
    if revision.pk == post.live_revision_id:
        return claims_of(post, revision)
    return claims_in(revision.snapshot)


def claims_to_keep(post, revision):
    """What Review.claims takes for an approval of `revision` now: None where its snapshot says the same."""
    claims = claims_if_approved(post, revision)
    return None if dump_json(claims) == dump_json(claims_in(revision.snapshot)) else claims


def with_claims(record, claims, **more):
    """`record` in the schema's order with these claims in place of its own and the values of `more`; what is empty
    leaves its key out.

    A hash from before it had to be a digest may be any words: it stays where it is stored, and is told to nobody.
    """
    values = {key: value for key, value in record.items() if key not in CLAIMS}
    values |= {key: claims[key] for key in CLAIMS if key in claims} | more
    if not is_digest(values.get("hash", "")):
        del values["hash"]
    if "flags" in record or _ASKS in claims:
        values["flags"] = _flags_with(record.get("flags", {}), claims)
    known = {key: values[key] for key in FIELDS if values.get(key) not in (None, "", [], {})}
    return known | {key: value for key, value in values.items() if key not in FIELDS}


def _flags_with(flags, claims):
    """The flags in their order, with the claim that is among them as `claims` has it."""
    if _ASKS not in claims:
        return {key: value for key, value in flags.items() if key != _ASKS}
    return flags | {_ASKS: claims[_ASKS]}
