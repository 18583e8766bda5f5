"""The addresses of the API, and what each answers."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import URLPattern, re_path, resolve, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from posts.db.change_log import LISTS, SITE_STATS, keys_of_post
from posts.listing.site_stats import STATS_SECONDS
from posts.models import Post
from posts.page_cache import cache_page
from posts.public.api.base import Answer, Operation, Refusal, Resource, answer
from posts.public.api.openapi import openapi_document
from posts.public.api.parameters import PARAMETERS, selected
from posts.public.api.push import PUSH_RESOURCES
from posts.public.api.serializers import SUMMARY_FIELDS, post_item
from posts.public.beginning import beginning
from posts.public.record_json import pictures_of
from posts.public.search_limit import seconds_to_wait
from posts.public.views import find_page, gone, not_found
from posts.records.schema import SCHEMA_VERSION

NOT_MODIFIED = Answer("Nothing has changed since the response with that ETag", headers=["ETag"])


def index(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """Return the addresses of the API: for programs as JSON, for people as a page."""
    if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
        context = {"resources": RESOURCES, "is_indexable": False}
        response: HttpResponse = render(request, "posts/api.html", context)
    else:
        response = answer(
            {
                "posts": settings.SITE_URL + reverse("posts:api-posts"),
                "openapi": settings.SITE_URL + reverse("posts:api-openapi"),
                "documentation": settings.SITE_URL + reverse("posts:api"),
                "record_schema_version": SCHEMA_VERSION,
            }
        )
    # Many caches between here and a reader ignore the second kind; none may mix them up.
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    patch_vary_headers(response, ["Accept"])
    return cache_page(response, keys=(), vary_on=())


def posts(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """Return listed posts, one page at a time."""
    if "q" in given and (wait := seconds_to_wait(request)):
        detail = f"Programs may search a few times a minute. Try again in {wait} seconds, or read the list without q."
        raise Refusal(429, "Too many searches", detail, headers={"Retry-After": str(wait)})
    found, place = selected(given)
    following = None
    if place:
        query = request.GET.copy()
        query["cursor"] = str(place)
        following = f"{settings.SITE_URL}{reverse('posts:api-posts')}?{query.urlencode()}"
    items = [post_item(post, post.released_revision, SUMMARY_FIELDS) for post in found]
    content: dict[str, Any] = {"posts": items, "next": following}
    keys = {LISTS}
    if not items and (start := beginning()):
        content["note"] = start.sentence
        keys.add(SITE_STATS)
    response = answer(content)
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    # The whole query counts, because invalid parameters are refused.
    seconds = STATS_SECONDS if SITE_STATS in keys else None
    return cache_page(response, seconds=seconds, keys=keys.union(*map(keys_of_post, found)))


def post(request: HttpRequest, given: dict[str, Any], slug: str) -> HttpResponse:
    """Return the text at an address, reviewed or not, with its decision."""
    found = find_page(slug)
    if found is gone:
        return gone(request)
    if not isinstance(found, Post):
        raise Refusal(404, "Post not found", "No post has this address. Use the list to find posts.")
    if found.slug != slug:
        return HttpResponsePermanentRedirect(reverse("posts:api-post", args=[found.slug]))
    revision = found.readable_revision
    item = post_item(found, revision) | {"pictures": pictures_of(found, revision)}
    response = answer(item)
    response.is_indexable = item["review"]["indexable"]  # type: ignore[attr-defined]  # a response takes any attribute
    return cache_page(response, keys=keys_of_post(found), vary_on=())


def openapi(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """Return the description of this API for programs."""
    return cache_page(answer(openapi_document(RESOURCES)), keys=(), vary_on=())


RESOURCES = (
    Resource(
        "api",
        "api/",
        {
            "GET": Operation(
                index,
                "getIndex",
                "Where things are",
                "Browsers get a page for people.",
                {200: Answer("The addresses", "Index", ["ETag"]), 304: NOT_MODIFIED},
            )
        },
    ),
    Resource(
        "api-posts",
        "api/posts/",
        {
            "GET": Operation(
                posts,
                "listPosts",
                "Listed posts, a page at a time",
                "Newest first. With reviewed_since: by time of approval, oldest first, so that a later call can "
                "continue. With q: best match first, of the latest 200 that match. Parameters can be combined. The "
                "order of pages is stable.",
                {
                    200: Answer("A page of posts", "PostPage", ["ETag", "Link"]),
                    304: NOT_MODIFIED,
                    404: Answer("A parameter names a list that does not exist", "Problem"),
                    429: Answer("Too many searches from this network", "Problem", ["Retry-After"]),
                },
                PARAMETERS,
            )
        },
    ),
    Resource(
        "api-post",
        "api/posts/<letters:slug>/",
        {
            "GET": Operation(
                post,
                "getPost",
                "The post at an address",
                "Includes posts that nobody has reviewed, if the site shows them: review.indexable and "
                "review.disclosure say so, and the response carries X-Robots-Tag: noindex.",
                {
                    200: Answer("The post", "Post", ["ETag"]),
                    301: Answer("The post has moved to another address", headers=["Location"]),
                    304: NOT_MODIFIED,
                    404: Answer("Post not found", "Problem"),
                    410: Answer("The post was withdrawn", "Problem"),
                },
            )
        },
        {"slug": "The slug in the post's address. A former slug redirects to the present one."},
    ),
    Resource(
        "api-openapi",
        "api/openapi.json",
        {
            "GET": Operation(
                openapi,
                "getDocument",
                "This document",
                "It is made from the same table as the addresses themselves.",
                {200: Answer("An OpenAPI document", "Document", ["ETag"]), 304: NOT_MODIFIED},
            )
        },
    ),
    *PUSH_RESOURCES,
)


@csrf_exempt
def missing(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer a request for an address that the API doesn't have; redirect if only its final slash is missing."""
    if request.method in ("GET", "HEAD") and not rest.endswith("/"):
        address = f"{request.path_info}/"
        if resolve(address).url_name != "api-missing":
            return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    return not_found(request)


def url_patterns() -> list[URLPattern]:
    """Return the routes of the API, and one for all other addresses below it."""
    patterns = [resource.url_pattern() for resource in RESOURCES]
    return [*patterns, re_path(r"^api/(?P<rest>[\s\S]*)$", missing, name="api-missing")]
