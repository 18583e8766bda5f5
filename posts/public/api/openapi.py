"""The API as an OpenAPI 3.1 document, made from the schema of records and the table of parameters."""

from django.conf import settings
from django.urls import reverse

import posts
from posts.models import Revision
from posts.models.authorship import SOURCE_TYPES, WRITERS
from posts.public.api.parameters import DEFAULT_LIMIT, KINDS, MAX_LIMIT
from posts.public.api.serializers import SUMMARY_FIELDS
from posts.records.schema import FIELDS, Record

_JSON = "application/json"


def openapi_document():
    """The document as a dict; each call builds its own."""
    list_address = reverse("posts:api-posts")
    post_address = reverse("posts:api-post", args=["SLUG"]).replace("SLUG", "{slug}")
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"{settings.SITE_NAME} API",
            "version": posts.__version__,
            "summary": "Articles, with who wrote each and what people decided about it.",
            "description": "Read-only. Answers carry an ETag: a request with If-None-Match gets 304 while nothing "
            "changed. The list holds what search engines may keep: texts that a person approved one by one.",
            **({"contact": {"email": settings.SITE_CONTACT}} if settings.SITE_CONTACT else {}),
        },
        "servers": [{"url": settings.SITE_URL}],
        "paths": {
            list_address: {"get": _list_operation()},
            post_address: {"get": _post_operation()},
        },
        "components": {"schemas": _schemas()},
    }


def _list_operation():
    order = "Newest first; with reviewed_since by the time of approval, oldest first, so that a later call can go on."
    return {
        "operationId": "listPosts",
        "summary": "Listed posts, a page at a time",
        "description": f"{order} Several parameters narrow the list together. The order of pages is stable.",
        "parameters": _parameters(),
        "responses": {
            "200": _response("A page of posts", "#/components/schemas/PostPage"),
            "304": {"description": "Nothing changed since the answer with that ETag"},
            "400": _problem("A parameter can't be read"),
        },
    }


def _post_operation():
    return {
        "operationId": "getPost",
        "summary": "The text that stands at an address",
        "description": "Texts that nobody has reviewed are here too where the site shows them; review.indexable and "
        "review.disclosure say so, and the answer carries X-Robots-Tag: noindex.",
        "parameters": [
            {
                "name": "slug",
                "in": "path",
                "required": True,
                "description": "The post's place in its address; a former one leads to the present one.",
                "schema": {"type": "string"},
            }
        ],
        "responses": {
            "200": _response("The post", "#/components/schemas/Post"),
            "301": {"description": "The post has another address now"},
            "304": {"description": "Nothing changed since the answer with that ETag"},
            "404": _problem("There is no such post"),
            "410": _problem("The post was withdrawn"),
        },
    }


def _parameters():
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    since = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    found = [
        ("limit", "How many posts a page holds at most.", limit),
        ("cursor", "Where a page begins: what stands in the address of next.", {"type": "string"}),
        ("reviewed_since", "Only texts approved at this time or later; a day begins at midnight UTC.", since),
    ]
    found += [
        (
            name,
            f"Only posts of this {kind.label.lower()}: its place in the address of its list.",
            {"type": "string"},
        )
        for name, kind in KINDS.items()
    ]
    return [
        {"name": name, "in": "query", "description": description, "schema": schema}
        for name, description, schema in found
    ]


def _schemas():
    record = Record.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = record.pop("$defs")
    properties = record["properties"]
    # Records may carry keys of their own; the API names those of the schema alone.
    for schema in parts.values():
        schema["additionalProperties"] = False
    summary = {key: properties[key] for key in SUMMARY_FIELDS}
    return {
        **parts,
        "Record": _object(
            {key: properties[key] for key in FIELDS},
            required=("source_id", "title", "slug", "body"),
            description="The whole record of a text. What it says of its own review is a claim; review has the facts.",
        ),
        "RecordSummary": _object(
            summary, required=("source_id", "title", "slug"), description="What a list says of a record."
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


def _post_schema(record):
    moment = {"type": ["string", "null"], "format": "date-time"}
    return _object(
        {
            "url": {"type": "string", "format": "uri", "description": "The page."},
            "api_url": {"type": "string", "format": "uri"},
            "published_at": {**moment, "description": "When the post first went live; null before that."},
            "changed_at": {**moment, "description": "When the live text last changed."},
            "record": {"$ref": f"#/components/schemas/{record}"},
            "review": {"$ref": "#/components/schemas/Review"},
        }
    )


def _review_schema():
    return _object(
        {
            "fingerprint": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the canonical record.",
            },
            "canonical_version": {"type": "integer", "description": "Which canonical form was hashed."},
            "version": {"type": "string"},
            "status": {"enum": Revision.Status.values},
            "approved_at": {"type": ["string", "null"], "format": "date-time"},
            "disclosure": {"type": "string", "description": "Who wrote and who read the text, in a sentence."},
            "needs_human_review": {
                "type": "boolean",
                "description": "Whether a person is asked to look at the text. What record.flags says is a claim.",
            },
            "flagged_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "Since when a person or a check of this site asks for that; null where only the record "
                "does, or nobody.",
            },
            "digital_source_type": {
                "enum": [*SOURCE_TYPES, None],
                "description": "How the text was made, in the terms of the IPTC; null where nobody stated it.",
            },
            "origin": {
                "enum": list(WRITERS),
                "description": "Who wrote the text, as declared by who ran its import; this_site: typed in the editor "
                "of the site.",
            },
            "edited_by_people": {
                "type": "boolean",
                "description": "Whether a person changed the text on this site since it was imported.",
            },
            "indexable": {
                "type": "boolean",
                "description": "Whether a person approved exactly this text by itself, with nothing against it.",
            },
        },
        description="What people decided about the text.",
    )


def _object(properties, *, required=None, description=""):
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }
    return {"description": description, **schema} if description else schema


def _response(description, schema):
    return {
        "description": description,
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": {_JSON: {"schema": {"$ref": schema}}},
    }


def _problem(description):
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
