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
from django.views.decorators.csrf import csrf_exempt
from pydantic import TypeAdapter, ValidationError

from posts.outages import problem
from posts.page_cache import cache_page

# What a page of another site may send, and how long its browser remembers that.
REQUEST_HEADERS = "Accept, Content-Type, If-Match, If-None-Match"
PREFLIGHT_SECONDS = 86_400
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


class Refusal(Exception):
    """The request can't be answered as it is; the reader of the answer is told why and what to do."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        self.status, self.title, self.detail = status, title, detail
        super().__init__(detail)


class Parameter:
    """A parameter in the query of an address.

    kind: a type; pydantic reads values by it and gives its JSON Schema. refusal: what somebody is told whose value is
    invalid.
    """

    def __init__(self, name: str, kind: Any, *, description: str, refusal: str) -> None:
        self.name, self.description, self.refusal = name, description, refusal
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


@dataclass(frozen=True)
class Operation:
    """What one method of an address does.

    view: takes the request, the parameters that were given as {name: value}, and the parts of the path. answers: all
    that it may give, by status, besides those of every operation.
    """

    view: Callable[..., HttpResponse]
    name: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    parameters: Sequence[Parameter] = ()

    def read(self, query: QueryDict) -> dict[str, Any]:
        """Return {name: value} of the parameters in a query; raise Refusal."""
        known = {parameter.name: parameter for parameter in self.parameters}
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

    def __call__(self, request: HttpRequest, **parts: str) -> HttpResponse:
        """Answer a request."""
        if request.method == "OPTIONS":
            return _preflight(self.methods)
        operation = self.operations.get("GET" if request.method == "HEAD" else request.method or "")
        if operation is None:
            detail = f"This address takes {self.methods}."
            return problem(405, "Method not allowed", detail, headers={"Allow": self.methods})
        try:
            response = operation.view(request, operation.read(request.GET), **parts)
        except Refusal as refusal:
            return problem(refusal.status, refusal.title, refusal.detail)
        if operation is self.operations.get("GET"):
            shared = f", s-maxage={settings.CDN_MAX_AGE}" if settings.CDN_MAX_AGE else ""
            response.headers.setdefault("Cache-Control", f"public, max-age=0, must-revalidate{shared}")
            cache_page(response, route=f"posts:{self.name}")
        return response


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
