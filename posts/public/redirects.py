"""Redirects from the paths of a post's old site."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase

from posts.models import FormerSlug
from posts.operations.slugs import former_path


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
            return redirect_former_address(request.path) or response
        return response


def redirect_former_address(path: str) -> HttpResponse | None:
    """Return the redirect for an address of an old site, or None."""
    if (stored := former_path(path)) is None:
        return None
    posts = FormerSlug.objects.select_related("post__live_revision", "post__head_revision")
    former = posts.filter(slug=stored).first()
    if not former or former.post.withdrawn_at or former.post.visible_revision is None:
        return None
    response = HttpResponsePermanentRedirect(former.post.get_absolute_url())
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return response
