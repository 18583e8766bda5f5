"""Uploaded pictures. The name of a file is the digest of its content, so an answer never changes."""

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseNotModified, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from posts.rendering.images import UPLOADS_PATH

TYPES = {"avif": "image/avif", "gif": "image/gif", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return an uploaded picture, or the way to the host that has it."""
    if settings.MEDIA_URL != UPLOADS_PATH:
        return HttpResponseRedirect(f"{settings.MEDIA_URL}{name}")
    tag = f'"{name}"'
    # Asked before the file is opened: nothing would close it.
    is_known = tag in request.headers.get("If-None-Match", "")
    response: HttpResponseBase = HttpResponseNotModified() if is_known else _file(name)
    response.headers["ETag"] = tag
    response.page_kind = "upload"  # type: ignore[attr-defined]  # a response takes any attribute
    return response


def _file(name: str) -> FileResponse:
    try:
        file = default_storage.open(name)
    except FileNotFoundError:
        raise Http404("This picture was not uploaded here.") from None
    return FileResponse(file, content_type=TYPES[name.rpartition(".")[2]])
