"""The addresses for generators: they send posts, follow their imports and read decisions, each with a token."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.http import parse_etags
from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import from_json, to_json

from posts.errors import Refused
from posts.export.records import decision_json, remarks_on
from posts.importing.answered_once import Answered, KeyInFlight, KeyReused, Unchanged, answered_once
from posts.importing.backlog import BacklogFull
from posts.importing.push import (
    ConditionFailed,
    NotYours,
    Pushed,
    cancel_import,
    checked_record,
    own_import,
    push_record,
    roll_back_import,
    take_import,
)
from posts.importing.uploads import MAX_PUSH_BYTES, FileRefused, TooLarge, receive
from posts.models import ApiToken, DecisionEvent, ImportBatch, ImportIssue
from posts.models.import_batch import COUNTS
from posts.page_cache import cache_page
from posts.public.api.base import Answer, Body, Operation, Parameter, Refusal, Resource
from posts.records.schema import MAX_RECORD_BYTES, RecordRefused, canonical_text, record_json_schema
from posts.review_queue.scorecards import LEAST, card_of_generator, counted_at

PIECE = 256 * 1024
DEFAULT_LIMIT, MAX_LIMIT = 100, 500
BACKLOG_SECONDS = 600
SCHEMA_KIND = "application/schema+json"
# What can become of a record that is not refused, and the status that says so.
STATUSES = {"created": 201, "updated": 200, "unchanged": 200, "conflict": 202}


def _whole(value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError
    return int(text)


def _yes(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError
    return bool(value == "true")


KEY = Parameter(
    "Idempotency-Key",
    Annotated[str, StringConstraints(pattern=r'^"?[!#-~]{1,250}"?$')],
    description="Any text that is new for each request, such as a UUID. Sent again with the same request, it changes "
    "nothing and gets the first answer. Keys are kept for two days.",
    refusal="must be 1 to 250 visible ASCII characters, in quotes or without.",
    place="header",
)
_ETAGS = r'^(\*|"[0-9a-f]{64}"(, ?"[0-9a-f]{64}")*)$'
IF_MATCH = Parameter(
    "If-Match",
    Annotated[str, StringConstraints(pattern=_ETAGS)],
    description="The ETag of the last answer about this post. If a person has changed the post since, nothing is "
    "changed (412).",
    refusal='must be * or fingerprints in quotes: "0123…".',
    place="header",
)
IF_NONE_MATCH = Parameter(
    "If-None-Match",
    Annotated[str, StringConstraints(pattern=r"^\*$")],
    description="Create the post only if there is none with this source_id.",
    refusal="must be *.",
    place="header",
)
AFTER = Parameter(
    "after",
    Annotated[int, Field(ge=0, le=10**18 - 1, json_schema_extra={"default": 0}), BeforeValidator(_whole)],
    description="Only what came after this number: that of the last one that you have.",
    refusal="must be a number from an earlier answer.",
)
LIMIT = Parameter(
    "limit",
    Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"default": DEFAULT_LIMIT}), BeforeValidator(_whole)],
    description="The maximum number on a page.",
    refusal=f"must be a whole number from 1 to {MAX_LIMIT}.",
)
NAME = Parameter(
    "name",
    Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")],
    description="What people see as the name of the import.",
    refusal="must have 1 to 200 characters, on one line.",
)
ONLY_NEW = Parameter(
    "only_new",
    Annotated[bool, BeforeValidator(_yes)],
    description="true: leave posts alone that are here already.",
    refusal="must be true or false.",
)


def put_post(request: HttpRequest, given: dict[str, Any], token: ApiToken, source_id: str) -> HttpResponse:
    """Import one record and return the outcome."""
    raw = _record_in(_unpacked(request), source_id)
    # Before the database is asked: nothing waits for the checks.
    record, errors = None, []
    try:
        record = checked_record(token, raw)
    except RecordRefused as refusal:
        errors = [{"pointer": found.pointer, "detail": found.message} for found in refusal.problems]

    def act() -> Answered:
        if record is None:
            raise Unchanged(_problem(422, "Invalid record", "The record is refused.", errors=errors))
        try:
            return _pushed(push_record(token, record, is_expected=_condition(given)))
        except ConditionFailed as refusal:
            raise _unchanged(412, "The post has changed", refusal) from None
        except NotYours as refusal:
            raise _unchanged(403, "Not your post", refusal) from None

    return _once(request, given, token, hashlib.sha256(raw).hexdigest(), act)


def post_import(request: HttpRequest, given: dict[str, Any], token: ApiToken) -> HttpResponse:
    """Take a file of records, and queue its import."""
    try:
        received = receive(_pieces(request))
    except TooLarge as refusal:
        raise Refusal(413, "Too large", str(refusal)) from None
    except FileRefused as refusal:
        raise Refusal(422, "Invalid body", str(refusal)) from None
    is_taken = False

    def act() -> Answered:
        nonlocal is_taken
        batch = take_import(token, received, name=given.get("name", ""), only_new=given.get("only_new", False))
        is_taken = True
        return Answered(202, import_item(batch), {"Location": _address(batch)})

    try:
        return _once(request, given, token, received.sha256, act)
    finally:
        # Its import has another name for the same file only if this request made it.
        if not is_taken:
            received.path.unlink(missing_ok=True)


def get_import(request: HttpRequest, given: dict[str, Any], token: ApiToken, number: int) -> HttpResponse:
    """Return the progress of an import, and its refused rows."""
    batch = _own(token, number)
    limit = given.get("limit", DEFAULT_LIMIT)
    issues = batch.issues.filter(pk__gt=given.get("after", 0)).defer("raw").order_by("pk")
    found = list(
        issues.select_related("post").only("kind", "line", "first_line", "problems", "post__source_id")[: limit + 1]
    )
    page = found[:limit]
    content = import_item(batch) | {"issues": [_issue_item(issue) for issue in page], "next": None}
    if len(found) > limit:
        content["next"] = f"{_address(batch)}?after={page[-1].pk}&limit={limit}"
    return _json(200, content)


def cancel(request: HttpRequest, given: dict[str, Any], token: ApiToken, number: int) -> HttpResponse:
    """Stop an import."""
    return _acted(lambda: cancel_import(token, _own(token, number)))


def roll_back(request: HttpRequest, given: dict[str, Any], token: ApiToken, number: int) -> HttpResponse:
    """Roll an import back."""
    return _acted(lambda: roll_back_import(token, _own(token, number)))


def decisions(request: HttpRequest, given: dict[str, Any], token: ApiToken) -> HttpResponse:
    """Return what people decided about the posts of the generator, oldest first."""
    after, limit = given.get("after", 0), given.get("limit", DEFAULT_LIMIT)
    events = DecisionEvent.objects.filter(generator=token.generator_id, pk__gt=after).order_by("pk")
    rows = events.select_related("review__revision__post").only(
        "kind", "at", "review__fingerprint", "review__outcome", "review__reason_code", "review__comment",
        "review__guideline", "review__answers", "review__is_bulk", "review__created_at",
        "review__revision", "review__revision__version", "review__revision__post__source_id",
    )  # fmt: skip
    found = list(rows[: limit + 1])
    page = found[:limit]
    last = page[-1].pk if page else after
    remarks = remarks_on(event.review.revision_id for event in page)
    address = settings.SITE_URL + reverse("posts:api-decisions")
    content = {
        "decisions": [_event_item(event, remarks) for event in page],
        "next": f"{address}?after={last}&limit={limit}",
        "has_more": len(found) > limit,
    }
    return _json(200, content)


def scorecard(request: HttpRequest, given: dict[str, Any], token: ApiToken) -> HttpResponse:
    """Return the scorecard of the generator."""
    card = card_of_generator(token.generator).as_json()
    return _json(200, {"counted_at": _moment(counted_at()), "hidden_below": LEAST, **card})


def schema(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """Return the format of a record."""
    response = JsonResponse(record_json_schema(), json_dumps_params={"ensure_ascii": False})
    response.headers["Content-Type"] = SCHEMA_KIND
    return cache_page(response, keys=(), vary_on=())


def import_item(batch: ImportBatch) -> dict[str, Any]:
    """Return an import as its sender sees it."""
    return {
        "id": batch.pk,
        "url": _address(batch),
        "name": batch.source_name,
        "state": batch.state,
        "message": batch.message,
        "bytes": batch.source_bytes,
        "bytes_read": batch.bytes_read,
        "rows": batch.rows,
        "counts": {count: getattr(batch, count) for count in COUNTS},
        "started_at": _moment(batch.started_at),
        "finished_at": _moment(batch.finished_at),
    }


def _issue_item(issue: ImportIssue) -> dict[str, Any]:
    return {
        "id": issue.pk,
        "kind": issue.kind,
        "line": issue.line,
        "first_line": issue.first_line,
        "source_id": issue.post.source_id if issue.post else None,
        "problems": [{"pointer": pointer, "detail": detail} for pointer, detail in issue.problems],
    }


def _event_item(event: DecisionEvent, remarks: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    review = event.review
    return {
        "id": event.pk,
        "event": event.kind,
        "at": _moment(event.at),
        "source_id": review.revision.post.source_id,
        "fingerprint": review.fingerprint,
        "version": review.revision.version,
        **decision_json(review, remarks),
        "decided_at": _moment(review.created_at),
    }


def _moment(moment: Any) -> str | None:
    return moment.isoformat() if hasattr(moment, "isoformat") else None


def _pushed(pushed: Pushed) -> Answered:
    content = {
        "outcome": pushed.outcome,
        "source_id": pushed.source_id,
        "fingerprint": pushed.fingerprint,
        "version": pushed.version,
        "import": _address(pushed.batch),
    }
    if pushed.outcome == "conflict":
        content["note"] = "A person has changed this post. Your text is kept for a person to settle."
    return Answered(STATUSES[pushed.outcome], content, {"ETag": f'"{pushed.fingerprint}"'})


def _address(batch: ImportBatch) -> str:
    return settings.SITE_URL + reverse("posts:api-import", args=[batch.pk])


def _own(token: ApiToken, number: int) -> ImportBatch:
    batch = own_import(token, number)
    if batch is None:
        raise Refusal(404, "Import not found", "No import of your generator has this number.")
    return batch


def _acted(act: Callable[[], ImportBatch]) -> HttpResponse:
    try:
        return _json(202, import_item(act()))
    except Refused as refusal:
        raise Refusal(409, "Not possible now", str(refusal)) from None


def _once(
    request: HttpRequest, given: dict[str, Any], token: ApiToken, body: str, act: Callable[[], Answered]
) -> HttpResponse:
    """Return the answer of act(), or the first one if a request with the same key was answered before."""
    key = given.get("Idempotency-Key", "").strip('"')
    conditions = [given.get(header.name, "") for header in (IF_MATCH, IF_NONE_MATCH)]
    parts = "\n".join([request.method or "", request.get_full_path(), *conditions, body])
    try:
        answered = answered_once(token.generator, key, hashlib.sha256(parts.encode()).hexdigest(), act)
    except KeyInFlight:
        detail = "A request with this Idempotency-Key is being carried out. Send it again in a second."
        raise Refusal(409, "Request in flight", detail, headers={"Retry-After": "1"}) from None
    except KeyReused:
        detail = "This Idempotency-Key belongs to another request. Use a new key for each request."
        raise Refusal(422, "Key used before", detail) from None
    except BacklogFull as refusal:
        headers = {"Retry-After": str(BACKLOG_SECONDS)}
        raise Refusal(429, "Too many posts pending review", str(refusal), headers=headers) from None
    response = _json(answered.status, answered.content)
    for name, value in answered.headers.items():
        response.headers[name] = value
    return response


def _json(status: int, content: dict[str, Any]) -> HttpResponse:
    kind = "application/problem+json" if status >= 400 else "application/json"
    return JsonResponse(content, status=status, content_type=kind, json_dumps_params={"ensure_ascii": False})


def _problem(status: int, title: str, detail: str, **more: Any) -> Answered:
    return Answered(status, {"type": "about:blank", "title": title, "status": status, "detail": detail} | more)


def _unchanged(status: int, title: str, refusal: Refused) -> Unchanged:
    return Unchanged(_problem(status, title, str(refusal)))


def _condition(given: dict[str, Any]) -> Callable[[str | None], bool]:
    """Return whether a post with this fingerprint (None: no post) is what the request expects."""
    tags = parse_etags(given[IF_MATCH.name]) if IF_MATCH.name in given else None
    is_new = IF_NONE_MATCH.name in given

    def is_expected(fingerprint: str | None) -> bool:
        if is_new and fingerprint is not None:
            return False
        return tags is None or (fingerprint is not None and (tags == ["*"] or f'"{fingerprint}"' in tags))

    return is_expected


def _record_in(raw: bytes, source_id: str) -> bytes:
    """Return the record in a body, which may leave its source_id to the address; raise Refusal."""
    try:
        record = from_json(raw)
    except ValueError as error:
        raise Refusal(400, "Invalid JSON", f"The body is not JSON: {error}.") from None
    if not isinstance(record, dict):
        raise Refusal(422, "Invalid record", "The body is not one record: {…}.")
    if "source_id" not in record:
        return b'{"source_id":' + to_json(source_id) + (b"," if record else b"") + raw.lstrip()[1:]
    try:
        is_same = canonical_text(str(record["source_id"])) == canonical_text(source_id)
    except ValueError:
        is_same = False
    if not is_same:
        errors = [{"pointer": "/source_id", "detail": "differs from the address. Leave it out, or write the same."}]
        raise Refusal(422, "Invalid record", "The record is refused.", errors=errors)
    return raw


def _unpacked(request: HttpRequest) -> bytes:
    """Return the body of a request with one record, unpacked; raise Refusal."""
    raw = request.body
    if _encoding(request) == "gzip":
        unpacker = zlib.decompressobj(wbits=31)
        try:
            raw = unpacker.decompress(raw, MAX_RECORD_BYTES + 1)
        except zlib.error:
            raise Refusal(400, "Invalid body", "The body is not gzip, as its Content-Encoding says.") from None
        if not unpacker.eof and len(raw) <= MAX_RECORD_BYTES:
            raise Refusal(400, "Invalid body", "The gzip body is cut off. Send it again.")
    if len(raw) > MAX_RECORD_BYTES:
        raise Refusal(413, "Too large", f"A record can have at most {MAX_RECORD_BYTES:,} bytes.")
    return raw


def _encoding(request: HttpRequest) -> str:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(
            415, "Unknown encoding", "Send the body as it is, or gzipped.", headers={"Accept-Encoding": "gzip"}
        )
    return encoding


def _pieces(request: HttpRequest) -> Iterable[bytes]:
    """Return the body of a request in pieces as they arrive, packed as it is; raise Refusal.

    A file that is gzipped is recognised by its content, so the encoding says nothing more.
    """
    _encoding(request)
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        if not request.META.get("wsgi.input_terminated"):
            raise Refusal(411, "Length required", "This server needs a Content-Length.")
        # Django reads nothing of a body without a length; the server ends this stream itself.
        return _read(request.META["wsgi.input"].read, None)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal() and len(length) < 19):
        raise Refusal(400, "Invalid length", "Content-Length is not a number.")
    if int(length) > MAX_PUSH_BYTES:
        raise Refusal(413, "Too large", f"A body can have at most {MAX_PUSH_BYTES >> 20:,} MB. Send it in parts.")
    return _read(request.read, int(length))


def _read(read: Callable[[int], bytes], length: int | None) -> Iterator[bytes]:
    """Yield the pieces of a body. length: None if it is not known."""
    count = 0
    try:
        while piece := read(PIECE):
            count += len(piece)
            yield piece
    except OSError:
        raise Refusal(400, "Incomplete body", "The body ended early. Send it again.") from None
    if length is not None and count != length:
        raise Refusal(400, "Incomplete body", "The body ended early. Send it again.")


_OF_IMPORT = {404: Answer("No import of the generator has this number", "Problem")}
_NUMBER = {"number": "The number of an import of your generator."}
_WRITES = {
    409: Answer("A request with this Idempotency-Key is being carried out", "Problem", ["Retry-After"]),
    413: Answer("The body is too large", "Problem"),
    415: Answer("The encoding of the body is unknown", "Problem"),
}

PUSH_RESOURCES = (
    Resource(
        "api-imports",
        "api/v1/imports",
        {
            "POST": Operation(
                post_import,
                "createImport",
                "Send many posts",
                "The body is JSON Lines, one record, or either gzipped, up to 1 GB. It is stored as it arrives, and a "
                "worker imports it. Ask for the import at Location.",
                {
                    202: Answer("The import is in the queue", "Import", ["Location"]),
                    411: Answer("The server needs a Content-Length", "Problem"),
                    422: Answer("The body does not hold records, or its key belongs to another request", "Problem"),
                    **_WRITES,
                },
                (NAME, ONLY_NEW, KEY),
                "import",
                Body("Records.", {"application/x-ndjson": "", "application/json": "NewRecord"}),
            )
        },
    ),
    Resource(
        "api-import",
        "api/v1/imports/<int:number>",
        {
            "GET": Operation(
                get_import,
                "getImport",
                "The progress of an import",
                "With the rows that were not imported as they came, a page at a time.",
                {200: Answer("The import", "ImportWithIssues"), **_OF_IMPORT},
                (AFTER, LIMIT),
                "import",
            )
        },
        _NUMBER,
    ),
    Resource(
        "api-import-cancel",
        "api/v1/imports/<int:number>/cancel",
        {
            "POST": Operation(
                cancel,
                "cancelImport",
                "Stop an import",
                "It stops after the rows that are being written. What is imported stays.",
                {
                    202: Answer("The import", "Import"),
                    409: Answer("The import has ended", "Problem"),
                    **_OF_IMPORT,
                },
                (),
                "import",
            )
        },
        _NUMBER,
    ),
    Resource(
        "api-import-rollback",
        "api/v1/imports/<int:number>/rollback",
        {
            "POST": Operation(
                roll_back,
                "rollBackImport",
                "Roll an import back",
                "Withdraws posts that it created and sets back posts that it changed. What people have changed since "
                "stays.",
                {
                    202: Answer("The import", "Import"),
                    409: Answer("The import is waiting or running", "Problem"),
                    **_OF_IMPORT,
                },
                (),
                "roll back",
            )
        },
        _NUMBER,
    ),
    Resource(
        "api-decisions",
        "api/v1/decisions",
        {
            "GET": Operation(
                decisions,
                "listDecisions",
                "Decisions about your posts",
                "Oldest first, also those that were undone or revoked. Store next, and ask there again later.",
                {200: Answer("A page of decisions", "DecisionPage")},
                (AFTER, LIMIT),
                "decisions",
            )
        },
    ),
    Resource(
        "api-scorecard",
        "api/v1/scorecard",
        {
            "GET": Operation(
                scorecard,
                "getScorecard",
                "What became of your posts",
                "How many came in, how many were approved, edited, reported, and why others were not approved. "
                "Shares and means are null below hidden_below cases.",
                {200: Answer("The scorecard", "Scorecard")},
                (),
                "decisions",
            )
        },
    ),
    Resource(
        "api-schema",
        "api/v1/schema",
        {
            "GET": Operation(
                schema,
                "getSchema",
                "The format of a record",
                "A JSON Schema (2020-12).",
                {
                    200: Answer("The schema", "Document", ["ETag"], SCHEMA_KIND),
                    304: Answer("Unchanged", headers=["ETag"]),
                },
            )
        },
    ),
    Resource(
        "api-push-post",
        "api/v1/posts/<path:source_id>",
        {
            "PUT": Operation(
                put_post,
                "putPost",
                "Send one post",
                "Creates the post or proposes a new text of it. The answer has the outcome. A text that "
                "a person has changed is never overwritten.",
                {
                    200: Answer("The post has a new proposed text, or nothing has changed", "PushedPost", ["ETag"]),
                    201: Answer("The post was created", "PushedPost", ["ETag"]),
                    202: Answer("A person has changed the post; your text waits to be settled", "PushedPost", ["ETag"]),
                    412: Answer("The post is not as If-Match or If-None-Match expects", "Problem"),
                    422: Answer("The record is refused, or the key belongs to another request", "Problem"),
                    **_WRITES,
                },
                (IF_MATCH, IF_NONE_MATCH, KEY),
                "import",
                Body("The record. It may leave out source_id.", {"application/json": "NewRecord"}),
            )
        },
        {"source_id": "The identity of the post: source_id in its record."},
    ),
)
