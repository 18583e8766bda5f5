"""The API as an OpenAPI 3.1 document, from the table of its addresses and the schema of records."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

import posts
from posts.models import DecisionEvent, ImportBatch, ImportIssue, Remark, Review, Revision
from posts.models.authorship import SOURCE_TYPES, WRITERS
from posts.models.import_batch import COUNTS
from posts.public.api.base import Answer, Operation, Resource
from posts.public.api.serializers import SUMMARY_FIELDS
from posts.records.schema import FIELDS, Record

# What any address may answer, besides its own answers.
OF_EVERY_OPERATION = {
    400: Answer("A parameter is unknown or invalid", "Problem"),
    503: Answer(
        "The site is not available at the moment; Retry-After says when to try again", "Problem", ["Retry-After"]
    ),
}
_LIMITS = ["RateLimit", "RateLimit-Policy"]
# What any operation with a token may answer.
OF_TOKENS = {
    401: Answer("The token is missing, wrong, expired or revoked", "Problem", ["WWW-Authenticate"]),
    403: Answer("The token may not do this", "Problem", _LIMITS),
    429: Answer(
        "Too many requests, or too many posts of the generator are pending review; detail says which",
        "Problem",
        [*_LIMITS, "Retry-After"],
    ),
}
# A JSON object of the document.
Object = dict[str, Any]


def openapi_document(resources: Iterable[Resource]) -> Object:
    """Return the document of an API as a dict; each call builds its own."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"{settings.SITE_NAME} API",
            "version": posts.__version__,
            "summary": "Articles, with who wrote them and how they were reviewed.",
            "description": "Everybody may read articles; generators send posts with a token. Responses about articles "
            "carry an ETag: a request with If-None-Match gets 304 while nothing has changed. The list holds the posts "
            "that search engines may index: those that a person has approved individually.",
            **({"contact": {"email": settings.SITE_CONTACT}} if settings.SITE_CONTACT else {}),
        },
        "servers": [{"url": settings.SITE_URL}],
        "paths": {resource.template: _path_item(resource) for resource in resources},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a generator. Staff create it in the admin.",
                }
            },
        },
    }


def _path_item(resource: Resource) -> Object:
    return {method.lower(): _operation(resource, operation) for method, operation in resource.operations.items()}


def _operation(resource: Resource, operation: Operation) -> Object:
    parts = [
        {"name": name, "in": "path", "required": True, "description": words, "schema": {"type": "string"}}
        for name, words in resource.parts.items()
    ]
    parameters = [
        {"name": given.name, "in": given.place, "description": given.description, "schema": given.schema}
        for given in operation.parameters
    ]
    answers = dict(
        sorted({**(OF_TOKENS if operation.scope else {}), **operation.answers, **OF_EVERY_OPERATION}.items())
    )
    document: Object = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*parts, *parameters],
        "responses": {str(status): _response(answer) for status, answer in answers.items()},
    }
    if operation.scope:
        document["security"] = [{"token": []}]
    if operation.body:
        kinds = operation.body.kinds.items()
        document["requestBody"] = {
            "description": operation.body.description,
            "required": True,
            "content": {kind: {"schema": _ref(name) if name else {"type": "string"}} for kind, name in kinds},
        }
    return document


def _ref(name: str) -> Object:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(answer: Answer) -> Object:
    response: Object = {"description": answer.description}
    if answer.headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    if answer.schema:
        kind = "application/problem+json" if answer.schema == "Problem" else answer.kind
        response["content"] = {kind: {"schema": {"$ref": f"#/components/schemas/{answer.schema}"}}}
    return response


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
        "Post": _post_schema("Record", pictures={"type": "array", "items": _PICTURE}),
        "PostSummary": _post_schema("RecordSummary"),
        "PostPage": _object(
            {
                "posts": {"type": "array", "items": {"$ref": "#/components/schemas/PostSummary"}},
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "The next page; null on the last.",
                },
                "note": {"type": "string", "description": "How to begin, on a site without listed posts."},
            },
            required=["posts", "next"],
        ),
        "Index": _object(
            {
                "posts": {"type": "string", "format": "uri"},
                "openapi": {"type": "string", "format": "uri"},
                "documentation": {"type": "string", "format": "uri"},
                "record_schema_version": {"type": "integer"},
            }
        ),
        "NewRecord": _new_record_schema(),
        **_push_schemas(),
        "Document": {"type": "object", "description": "OpenAPI 3.1 describes its format."},
        "Problem": _object(
            {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": _PROBLEM_OF_ROW,
                    "description": "What is wrong with a record.",
                },
            },
            required=["type", "title", "status", "detail"],
            description="An error (RFC 9457).",
        ),
    }


def _new_record_schema() -> Object:
    """Return the schema of a record that is sent; its source_id may be left to the address."""
    schema = Record.model_json_schema(ref_template="#/components/schemas/New{model}")
    schema.pop("$defs")
    required = [name for name in schema.get("required", ()) if name != "source_id"]
    return schema | {"required": required, "description": "A record; /api/v1/schema has its format on its own."}


def _scorecard_schema(number: Object, moment: Object) -> Object:
    mean = {"type": ["number", "null"]}
    share = _object(
        {
            "part": number,
            "of": number,
            "share": mean,
            "interval": {
                "type": ["array", "null"],
                "items": {"type": "number"},
                "description": "The limits of the 95 % interval by Wilson's method.",
            },
        }
    )
    reasons = [code or "none" for code in Review.ReasonCode.values]
    return _object(
        {
            "counted_at": moment,
            "hidden_below": {**number, "description": "Shares and means of fewer cases are null."},
            "by": {"const": "generator"},
            "key": {"type": "string"},
            "name": {"type": "string"},
            "came_in": number,
            "in_bulk_only": number,
            "revoked": number,
            "approval": {**share, "description": "Of the posts with an individual decision, by the first one."},
            "edited": {**share, "description": "Of the approved posts, those that people changed before."},
            "reported": {**share, "description": "Of the released posts, those that a reader reported since."},
            "reasons": _object(dict.fromkeys(reasons, number), required=(), description="Of first decisions."),
            "changed_words": number,
            "changed_words_per_edited_post": mean,
            "reports": number,
            "decisions_with_time": number,
            "minutes_per_decision": mean,
        }
    )


def _push_schemas() -> Object:
    moment = {"type": ["string", "null"], "format": "date-time"}
    number = {"type": "integer", "minimum": 0}
    text = {"type": "string"}
    of_import: Object = {
        "id": number,
        "url": {"type": "string", "format": "uri"},
        "name": text,
        "state": {"enum": ImportBatch.State.values},
        "message": {**text, "description": "Why it stopped."},
        "bytes": {"type": ["integer", "null"]},
        "bytes_read": number,
        "rows": {**number, "description": "How many rows are accounted for."},
        "counts": _object(dict.fromkeys(COUNTS, number), description="Each row is counted once."),
        "started_at": moment,
        "finished_at": moment,
    }
    issue = _object(
        {
            "id": number,
            "kind": {"enum": ImportIssue.Kind.values},
            "line": number,
            "first_line": {"type": ["integer", "null"]},
            "source_id": {"type": ["string", "null"]},
            "problems": {"type": "array", "items": _PROBLEM_OF_ROW},
        }
    )
    following = {"type": ["string", "null"], "format": "uri", "description": "The next page; null on the last."}
    fingerprint = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    return {
        **_new_parts(),
        "Import": _object(of_import),
        "ImportWithIssues": _object(of_import | {"issues": {"type": "array", "items": issue}, "next": following}),
        "PushedPost": _object(
            {
                "outcome": {"enum": ["created", "updated", "unchanged", "conflict"]},
                "source_id": text,
                "fingerprint": fingerprint,
                "version": text,
                "import": {"type": "string", "format": "uri"},
                "note": text,
            },
            required=["outcome", "source_id", "fingerprint", "version", "import"],
        ),
        "Scorecard": _scorecard_schema(number, moment),
        "DecisionPage": _object(
            {
                "decisions": {"type": "array", "items": _ref("Decision")},
                "next": {"type": "string", "format": "uri", "description": "Where to continue, now or later."},
                "has_more": {"type": "boolean"},
            }
        ),
        "Decision": _object(
            {
                "id": number,
                "event": {"enum": DecisionEvent.Kind.values},
                "at": moment,
                "source_id": text,
                "fingerprint": fingerprint,
                "version": text,
                "outcome": {"enum": Review.Outcome.values},
                "reason": {"enum": Review.ReasonCode.values},
                "comment": text,
                "guideline": {"type": ["integer", "null"], "description": "The version of the review guideline."},
                "answers": {
                    "type": "object",
                    "description": "By the keys of its points.",
                    "additionalProperties": {"enum": Review.Answer.values},
                },
                "statements": {
                    "type": "array",
                    "description": "What the reviewer verified.",
                    "items": _object(
                        {
                            "kind": text,
                            "words": text,
                            "source": {"type": "boolean", "description": "Whether a source stood beside it."},
                        }
                    ),
                },
                "is_bulk": {"type": "boolean"},
                "remarks": {"type": "array", "items": _ref("Remark")},
                "decided_at": moment,
            }
        ),
        "Remark": _object(
            {
                "path": {"type": "string", "description": "The block, such as /body/2, or the pointer of a value."},
                "selector": {
                    "type": "array",
                    "description": "TextQuoteSelector and TextPositionSelector of the Web Annotation Data Model.",
                    "items": {"type": "object"},
                },
                "reason": {"enum": Review.ReasonCode.values},
                "comment": text,
                "suggestion": {"type": ["string", "null"], "description": "What to write instead; null for none."},
                "made_at": moment,
                "closed": {"enum": [None, *(value for value in Remark.Closing.values if value)]},
            }
        ),
    }


def _new_parts() -> Object:
    """Return the schemas of the parts of a record that is sent, which may have other keys."""
    parts = Record.model_json_schema(ref_template="#/components/schemas/New{model}").get("$defs", {})
    return {f"New{name}": schema for name, schema in parts.items()}


def _post_schema(record: str, **more: Object) -> Object:
    moment = {"type": ["string", "null"], "format": "date-time"}
    return _object(
        {
            "url": {"type": "string", "format": "uri", "description": "The page."},
            "api_url": {"type": "string", "format": "uri"},
            "published_at": {**moment, "description": "When the post first went live; null before that."},
            "changed_at": {**moment, "description": "When the live revision last changed."},
            "record": {"$ref": f"#/components/schemas/{record}"},
            "review": {"$ref": "#/components/schemas/Review"},
            **more,
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


_PICTURE = _object(
    {
        "url": {"type": "string", "description": "The address in the record."},
        "copy": {"type": "string", "format": "uri", "description": "The copy that the page shows."},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
    },
    description="A picture of another host of which this site keeps the approved copy.",
)
_PROBLEM_OF_ROW = _object(
    {
        "pointer": {"type": "string", "description": "A JSON Pointer (RFC 6901) into the record; empty: all of it."},
        "detail": {"type": "string"},
    }
)
