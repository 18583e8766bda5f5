"""The pictures of shared links, and the site's logo, for programs that can't read the SVG of pages.

A picture of an article is open to search engines if its page is. It has no words, so it needs no font.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect

from posts.db.change_log import keys_of_post
from posts.listing.summaries import placeholder_words
from posts.models import Post
from posts.page_cache import cache_page
from posts.public.views import find_page, public
from posts.rendering.placeholders import placeholder_png
from posts.reverse import address


@public
def card(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the placeholder image of the article at an address as PNG."""
    post = find_page(slug)
    if not isinstance(post, Post):
        return post(request)
    if post.slug != slug:
        return HttpResponsePermanentRedirect(address("posts:card", post.slug))
    png = placeholder_png(placeholder_words(post.readable_revision.snapshot))
    return cache_page(_picture(png, is_indexable=post.is_indexable), keys=keys_of_post(post), vary_on=())


@public
def site_card(request: HttpRequest) -> HttpResponse:
    """Return the picture of every page that is not an article."""
    png = placeholder_png(settings.SITE_NAME)
    return cache_page(_picture(png, is_indexable=settings.INDEXING), keys=(), vary_on=())


@public
def logo(request: HttpRequest) -> HttpResponse:
    """Return the site's logo: at an address of its own, because search engines must be able to index it."""
    png = (settings.BASE_DIR / "static" / "logo.png").read_bytes()
    return cache_page(_picture(png, is_indexable=settings.INDEXING), keys=(), vary_on=())


def _picture(png: bytes, *, is_indexable: bool) -> HttpResponse:
    response = HttpResponse(png, content_type="image/png")
    response.page_kind = "picture"  # type: ignore[attr-defined]  # a response takes any attribute
    response.is_indexable = is_indexable  # type: ignore[attr-defined]  # a response takes any attribute
    return response
