"""What every address of the API does alike: methods, parameters, problems, and reading by pages of other sites.

A Resource is an address with an Operation for each of its methods. The routes, the checks of a request and the OpenAPI
document (openapi.py) come from the same table, so that none of them can say something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from pydantic import TypeAdapter, ValidationError

from posts.importing.tokens import SAID, SCOPES, WINDOW_SECONDS, take_request, token_of
from posts.models import ApiToken
from posts.outages import problem
from posts.page_cache import cache_page

# What a page of another site may send, and how long its browser remembers that.
REQUEST_HEADERS = "Accept, Content-Type, If-Match, If-None-Match"
PREFLIGHT_SECONDS = 86_400
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


class Refusal(Exception):
    """The request can't be answered as it is; the reader of the answer is told why and what to do.

    more: further members of the problem.
    """

    def __init__(
        self, status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        self.status, self.title, self.detail, self.headers, self.more = status, title, detail, headers, more
        super().__init__(detail)


class Parameter:
    """A parameter in the query of an address, or a header of the request.

    kind: a type; pydantic reads values by it and gives its JSON Schema. refusal: what somebody is told whose value is
    invalid. place: “query” or “header”.
    """

    def __init__(self, name: str, kind: Any, *, description: str, refusal: str, place: str = "query") -> None:
        self.name, self.description, self.refusal, self.place = name, description, refusal, place
        self._adapter = TypeAdapter(kind)
        self.schema = self._adapter.json_schema()

    def read(self, text: str) -> Any:
        """Return the value of a text; raise Refusal."""
        try:
            return self._adapter.validate_python(text)
        except ValidationError:
            raise Refusal(400, "Invalid request", f"{self.name} {self.refusal}") from None


@dataclass(frozen=True)
class Answer:
    """An answer that an operation may give. schema: the name of its JSON Schema; None if it has no body."""

    description: str
    schema: str | None = None
    headers: Sequence[str] = ()
    kind: str = "application/json"


@dataclass(frozen=True)
class Body:
    """The body of a request. kinds: {media type: the name of its JSON Schema, or "" for a text}."""

    description: str
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class Operation:
    """What one method of an address does.

    view: takes the request, the parameters that were given as {name: value}, and the parts of the path; of an operation
    with a scope also the `token`. answers: all that it may give, by status, besides those of every operation. scope:
    what a token must be allowed to do; "" if anybody may ask.
    """

    view: Callable[..., HttpResponse]
    name: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    parameters: Sequence[Parameter] = ()
    scope: str = ""
    body: Body | None = None

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return {name: value} of the parameters of a request; raise Refusal."""
        headers = [parameter for parameter in self.parameters if parameter.place == "header"]
        given = {header.name: request.headers[header.name] for header in headers if header.name in request.headers}
        return self._read(request.GET) | {
            header.name: header.read(given[header.name]) for header in headers if header.name in given
        }

    def _read(self, query: QueryDict) -> dict[str, Any]:
        known = {parameter.name: parameter for parameter in self.parameters if parameter.place == "query"}
        for name, values in query.lists():
            if name not in known:
                names = f"The parameters are: {', '.join(known)}." if known else "This address takes none."
                raise Refusal(400, "Invalid request", f"Unknown parameter. {names}")
            if len(values) > 1:
                raise Refusal(400, "Invalid request", f"{name} is given {len(values)} times; give it once.")
        return {name: known[name].read(values[0]) for name, values in query.lists()}


@dataclass(frozen=True)
class Resource:
    """An address of the API. route: as Django writes it. parts: what stands for each part of the path, in words."""

    name: str
    route: str
    operations: Mapping[str, Operation]
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def methods(self) -> str:
        """Its methods, as the header Allow names them."""
        reading = ["GET", "HEAD"] if "GET" in self.operations else []
        return ", ".join([*reading, *(method for method in self.operations if method != "GET"), "OPTIONS"])

    @property
    def template(self) -> str:
        """Its path as OpenAPI writes it: /api/posts/{slug}/."""
        return reverse("posts:api") + _CONVERTER.sub(r"{\1}", self.route.removeprefix("api/"))

    def url_pattern(self) -> URLPattern:
        """Return the route of this address."""
        # It knows nobody by a cookie, so no other site can act in somebody's name.
        return path(self.route, csrf_exempt(self), name=self.name)

    def __call__(self, request: HttpRequest, **parts: Any) -> HttpResponse:
        """Answer a request."""
        if request.method == "OPTIONS":
            return _preflight(self.methods)
        operation = self.operations.get("GET" if request.method == "HEAD" else request.method or "")
        if operation is None:
            detail = f"This address takes {self.methods}."
            return problem(405, "Method not allowed", detail, headers={"Allow": self.methods})
        if operation.scope:
            return _with_token(request, operation, parts)
        try:
            response = operation.view(request, operation.read(request), **parts)
        except Refusal as refusal:
            return problem_of(refusal)
        if operation is self.operations.get("GET"):
            shared = f", s-maxage={settings.CDN_MAX_AGE}" if settings.CDN_MAX_AGE else ""
            response.headers.setdefault("Cache-Control", f"public, max-age=0, must-revalidate{shared}")
            cache_page(response, route=f"posts:{self.name}")
        return response


def problem_of(refusal: Refusal) -> HttpResponse:
    """Return the answer that tells of a refusal."""
    return problem(refusal.status, refusal.title, refusal.detail, headers=refusal.headers, **refusal.more)


def _with_token(request: HttpRequest, operation: Operation, parts: Mapping[str, Any]) -> HttpResponse:
    """Return the answer to a request that needs a token. No cache keeps it."""
    limits: dict[str, str] = {}
    try:
        token = admitted(request, operation.scope, limits)
        response = operation.view(request, operation.read(request), token=token, **parts)
    except Refusal as refusal:
        response = problem_of(refusal)
    for name, value in limits.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Authorization"])
    return response


def admitted(request: HttpRequest, scope: str, limits: dict[str, str]) -> ApiToken:
    """Return the token of a request if it may do `scope`, and count the request; raise Refusal.

    limits: gets the headers that say how many requests are left.
    """
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = token_of(secret.strip()) if kind.lower() == "bearer" and secret.strip() else None
    if token is None:
        detail = "Send the token of a generator: Authorization: Bearer alphanode_… Staff create tokens in the admin."
        raise Refusal(401, "No valid token", detail, headers={"WWW-Authenticate": "Bearer"})
    allowance = take_request(token)
    # As draft-ietf-httpapi-ratelimit-headers names them.
    limits["RateLimit-Policy"] = f'"token";q={allowance.limit};w={WINDOW_SECONDS}'
    limits["RateLimit"] = f'"token";r={allowance.left};t={allowance.seconds}'
    if not allowance.is_taken:
        detail = f"This token may send {allowance.limit:,} requests a minute. Try again in {allowance.seconds} seconds."
        raise Refusal(429, "Too many requests", detail, headers={"Retry-After": str(allowance.seconds)})
    if not getattr(token, SCOPES[scope]):
        detail = f"This token may not {SAID[scope]}. Ask staff for one that may."
        raise Refusal(403, "Not allowed", detail)
    return token


def answer(content: Mapping[str, Any]) -> JsonResponse:
    """Return a JSON answer."""
    return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


def _preflight(methods: str) -> HttpResponse:
    """Return what a browser asks before a page of another site may send a request."""
    headers = {
        "Allow": methods,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return HttpResponse(status=204, headers=headers)
