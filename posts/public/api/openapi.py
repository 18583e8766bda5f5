"""The API as an OpenAPI 3.1 document, from the schema of records and the table of parameters."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse

import posts
from posts.models import Revision
from posts.models.authorship import SOURCE_TYPES, WRITERS
from posts.public.api.parameters import DEFAULT_LIMIT, KINDS, MAX_LIMIT
from posts.public.api.serializers import SUMMARY_FIELDS
from posts.records.schema import FIELDS, Record

_JSON = "application/json"
# A JSON object of the document.
Object = dict[str, Any]


def openapi_document() -> Object:
    """Return the document as a dict; each call builds its own."""
    list_address = reverse("posts:api-posts")
    post_address = reverse("posts:api-post", args=["SLUG"]).replace("SLUG", "{slug}")
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"{settings.SITE_NAME} API",
            "version": posts.__version__,
            "summary": "Articles, with who wrote them and how they were reviewed.",
            "description": "Read-only. Responses carry an ETag: a request with If-None-Match gets 304 while nothing "
            "has changed. The list holds the posts that search engines may index: those that a person has "
            "approved individually.",
            **({"contact": {"email": settings.SITE_CONTACT}} if settings.SITE_CONTACT else {}),
        },
        "servers": [{"url": settings.SITE_URL}],
        "paths": {
            list_address: {"get": _list_operation()},
            post_address: {"get": _post_operation()},
        },
        "components": {"schemas": _schemas()},
    }


def _list_operation() -> Object:
    order = "Newest first. With reviewed_since: by time of approval, oldest first, so that a later call can continue."
    return {
        "operationId": "listPosts",
        "summary": "Listed posts, a page at a time",
        "description": f"{order} Parameters can be combined. The order of pages is stable.",
        "parameters": _parameters(),
        "responses": {
            "200": _response("A page of posts", "#/components/schemas/PostPage"),
            "304": {"description": "Nothing has changed since the response with that ETag"},
            "400": _problem("A parameter is invalid"),
        },
    }


def _post_operation() -> Object:
    return {
        "operationId": "getPost",
        "summary": "The post at an address",
        "description": "Includes posts that nobody has reviewed, if the site shows them: review.indexable and "
        "review.disclosure say so, and the response carries X-Robots-Tag: noindex.",
        "parameters": [
            {
                "name": "slug",
                "in": "path",
                "required": True,
                "description": "The slug in the post's address. A former slug redirects to the present one.",
                "schema": {"type": "string"},
            }
        ],
        "responses": {
            "200": _response("The post", "#/components/schemas/Post"),
            "301": {"description": "The post has moved to another address"},
            "304": {"description": "Nothing has changed since the response with that ETag"},
            "404": _problem("Post not found"),
            "410": _problem("The post was withdrawn"),
        },
    }


def _parameters() -> list[Object]:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    since = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    found: list[tuple[str, str, Object]] = [
        ("limit", "The maximum number of posts on a page.", limit),
        ("cursor", "Where the page begins. Copy it from the next link of the previous response.", {"type": "string"}),
        ("reviewed_since", "Only posts approved at this time or later. A day begins at midnight UTC.", since),
    ]
    found += [
        (
            name,
            f"Only posts of this {kind.label.lower()}: the slug in the address of its list.",
            {"type": "string"},
        )
        for name, kind in KINDS.items()
    ]
    return [
        {"name": name, "in": "query", "description": description, "schema": schema}
        for name, description, schema in found
    ]


def _schemas() -> Object:
    record = Record.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = record.pop("$defs")
    properties = record["properties"]
    # Records may have other keys; the API names only those of the schema.
    for schema in parts.values():
        schema["additionalProperties"] = False
    summary = {key: properties[key] for key in SUMMARY_FIELDS}
    return {
        **parts,
        "Record": _object(
            {key: properties[key] for key in FIELDS},
            required=("source_id", "title", "slug", "body"),
            description="The complete record. What it says about its own review is a claim; review has the facts.",
        ),
        "RecordSummary": _object(
            summary, required=("source_id", "title", "slug"), description="The part of the record that lists show."
        ),
        "Review": _review_schema(),
        "Post": _post_schema("Record"),
        "PostSummary": _post_schema("RecordSummary"),
        "PostPage": _object(
            {
                "posts": {"type": "array", "items": {"$ref": "#/components/schemas/PostSummary"}},
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "The next page; null on the last.",
                },
            }
        ),
        "Problem": _object(
            {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
            description="An error (RFC 9457).",
        ),
    }


def _post_schema(record: str) -> Object:
    moment = {"type": ["string", "null"], "format": "date-time"}
    return _object(
        {
            "url": {"type": "string", "format": "uri", "description": "The page."},
            "api_url": {"type": "string", "format": "uri"},
            "published_at": {**moment, "description": "When the post first went live; null before that."},
            "changed_at": {**moment, "description": "When the live revision last changed."},
            "record": {"$ref": f"#/components/schemas/{record}"},
            "review": {"$ref": "#/components/schemas/Review"},
        }
    )


def _review_schema() -> Object:
    return _object(
        {
            "fingerprint": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the canonical record.",
            },
            "canonical_version": {
                "type": "integer",
                "description": "The version of the canonical form that was hashed.",
            },
            "version": {"type": "string"},
            "status": {"enum": Revision.Status.values},
            "approved_at": {"type": ["string", "null"], "format": "date-time"},
            "disclosure": {"type": "string", "description": "Who wrote and who reviewed the post, in a sentence."},
            "needs_human_review": {
                "type": "boolean",
                "description": "Whether the post is flagged for human review. What record.flags says is a claim.",
            },
            "flagged_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When a person or a check of this site flagged it; null if only the record asks for a "
                "review, or if nobody does.",
            },
            "digital_source_type": {
                "enum": [*SOURCE_TYPES, None],
                "description": "How the text was made, as an IPTC digital source type; null if nobody stated it.",
            },
            "origin": {
                "enum": list(WRITERS),
                "description": "Who wrote the post, as declared by the person who ran its import; this_site: written "
                "in this site's editor.",
            },
            "edited_by_people": {
                "type": "boolean",
                "description": "Whether a person has changed the post on this site since its import.",
            },
            "indexable": {
                "type": "boolean",
                "description": "Whether search engines may index the post: a person approved exactly this revision "
                "individually, and nothing closes it.",
            },
        },
        description="The decisions of reviewers about this revision.",
    )


def _object(properties: Object, *, required: Iterable[str] | None = None, description: str = "") -> Object:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }
    return {"description": description, **schema} if description else schema


def _response(description: str, schema: str) -> Object:
    return {
        "description": description,
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": {_JSON: {"schema": {"$ref": schema}}},
    }


def _problem(description: str) -> Object:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
