"""Redirects from the paths of a post's old site, and from a post to the near-duplicate that was kept instead."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase

from posts.models import FormerSlug, Post
from posts.models.purged_post import is_gone
from posts.operations.slugs import former_path

# A kept post may be replaced itself later on, and so on.
MOST_REPLACEMENTS = 5


def kept_instead(post: Post) -> Post | None:
    """Return the post that readers of `post`, which has no page, are led to; None if there is none with a page."""
    posts = Post.objects.with_texts()
    for _ in range(MOST_REPLACEMENTS):
        if post.replaced_by_id is None:
            return None
        post = posts.get(pk=post.replaced_by_id)
        if post.visible_revision is not None:
            return post
    return None


class FormerPaths:
    """Middleware that redirects a missing address if a post had it on its old site.

    One query, and only for a 404. It reveals nothing about a post that readers may not see.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_missing = response.status_code == 404 and request.method in ("GET", "HEAD")
        if is_missing and not request.path.startswith(settings.STATIC_URL):
            return redirect_former_address(request.path) or gone_address(request) or response
        return response


def gone_address(request: HttpRequest) -> HttpResponse | None:
    """Return the answer for an address that a purged post had on its old site, or None."""
    from posts.public.views import gone

    stored = former_path(request.path)
    return gone(request) if stored is not None and is_gone(stored) else None


def redirect_former_address(path: str) -> HttpResponse | None:
    """Return the redirect for an address of an old site, or None."""
    if (stored := former_path(path)) is None:
        return None
    posts = FormerSlug.objects.select_related("post__live_revision", "post__head_revision")
    former = posts.filter(slug=stored).first()
    if former is None:
        return None
    post = former.post if former.post.visible_revision is not None else kept_instead(former.post)
    if post is None:
        return None
    response = HttpResponsePermanentRedirect(post.get_absolute_url())
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return response
