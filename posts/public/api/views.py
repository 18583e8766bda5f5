from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.urls import reverse

from posts.db.change_log import LISTS, keys_of_post
from posts.page_cache import cache_page
from posts.public.api.openapi import openapi_document
from posts.public.api.parameters import BadParameter, selected, selection_from
from posts.public.api.serializers import SUMMARY_FIELDS, post_item
from posts.public.views import find_page, gone, public
from posts.records.schema import SCHEMA_VERSION


def api(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a view as a public JSON answer, the same for everybody and readable by pages of other sites."""

    @public
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return wrapped


@api
def index(request: HttpRequest) -> HttpResponse:
    """Return the addresses of the API."""
    response = _answer(
        {
            "posts": settings.SITE_URL + reverse("posts:api-posts"),
            "openapi": settings.SITE_URL + reverse("posts:api-openapi"),
            "record_schema_version": SCHEMA_VERSION,
        }
    )
    return cache_page(response, keys=(), vary_on=())


@api
def posts(request: HttpRequest) -> HttpResponse:
    """Return listed posts, one page at a time."""
    try:
        selection = selection_from(request.GET)
    except BadParameter as refusal:
        return _problem(400, "Invalid request", str(refusal))
    found, place = selected(selection)
    following = None
    if place:
        query = request.GET.copy()
        query["cursor"] = str(place)
        following = f"{settings.SITE_URL}{reverse('posts:api-posts')}?{query.urlencode()}"
    items = [post_item(post, post.released_revision, SUMMARY_FIELDS) for post in found]
    # The whole query counts, because invalid parameters are refused.
    return cache_page(_answer({"posts": items, "next": following}), keys={LISTS}.union(*map(keys_of_post, found)))


@api
def post(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the text at an address, reviewed or not, with its decision."""
    found, answer = find_page(slug)
    if answer is HttpResponsePermanentRedirect:
        return answer(reverse("posts:api-post", args=[found.slug]))
    if answer is gone:
        return _problem(410, "This article was withdrawn", "It was published here and has been withdrawn.")
    if answer:
        return _problem(404, "Post not found", "No post has this address. Use the list to find posts.")
    item = post_item(found, found.visible_revision)
    response = _answer(item)
    response.is_indexable = item["review"]["indexable"]  # type: ignore[attr-defined]  # a response takes any attribute
    return cache_page(response, keys=keys_of_post(found), vary_on=())


@api
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the description of this API for programs."""
    return cache_page(_answer(openapi_document()), keys=(), vary_on=())


def _answer(content: dict[str, Any]) -> JsonResponse:
    return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


def _problem(status: int, title: str, detail: str) -> JsonResponse:
    """Return an error in the format of RFC 9457."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JsonResponse(content, status=status, content_type="application/problem+json")
