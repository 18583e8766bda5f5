"""The fields of a post in an answer of the API, all named here."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from pydantic import BaseModel

from posts.models import Post, Revision
from posts.public.record_json import address_of, record_of, review_of
from posts.records.schema import FIELDS, Entity, Flags, ImageRecord, RevisionClaim, Scores

SUMMARY_FIELDS = (
    "source_id title slug topic summary stack tools code_language difficulty reading_time authors tags language "
    "published_on"
).split()
# Other keys of a record are left out at any depth; a payload contains whatever its generator wrote.
_PARTS: dict[str, type[BaseModel]] = {
    "score": Scores,
    "revision": RevisionClaim,
    "flags": Flags,
    "entities": Entity,
    "image_sources": ImageRecord,
}


def post_item(post: Post, revision: Revision, fields: Iterable[str] = FIELDS) -> dict[str, Any]:
    """Return the JSON object of `revision` at the address of `post`, with these fields of its record."""
    record = record_of(post, revision)
    is_live = revision.pk == post.live_revision_id
    return {
        "url": address_of(post),
        "api_url": settings.SITE_URL + reverse("posts:api-post", args=[post.slug]),
        "published_at": post.first_published_at if is_live else None,
        "changed_at": post.last_published_at if is_live else None,
        "record": {key: _allowed(key, record[key]) for key in fields if key in record},
        "review": review_of(post, revision),
    }


def _allowed(key: str, value: Any) -> Any:
    if key not in _PARTS:
        return value
    names = _PARTS[key].model_fields
    if isinstance(value, list):
        return [{name: item[name] for name in names if name in item} for item in value]
    return {name: value[name] for name in names if name in value}
