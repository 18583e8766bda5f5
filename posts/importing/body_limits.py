"""Limits of request bodies: 1 MB for a form, 4 MB for the form of a post from people who may edit it.

Files are accepted only at the import form, from people who may import, at the address for pictures, from people who may
write posts, and by the API, with a token. The limits are checked before anything reads the body, including the CSRF
check: a refused body is stored neither in memory nor on disk.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from posts.importing.uploads import MAX_UPLOAD_BYTES, CappedUploadHandler
from posts.outages import is_for_programs, problem
from posts.pictures.picture import MAX_BYTES as PICTURE_BYTES

FORM_BYTES = 1024 * 1024
# The right that a form with a whole record needs, by the name of its address. The largest record takes up to three
# times its size as a form, because most characters become three. The names of its fields come on top.
RECORD_FORMS = {
    "posts_post_add": "posts.add_post",
    "posts_post_change": "posts.change_post",
    "posts_post_merge": "posts.change_post",
    "posts_post_live_preview": "posts.change_post",
    "posts_post_add_live_preview": "posts.add_post",
    "posts_post_unsaved": "posts.change_post",
    "posts_post_unsaved_new": "posts.add_post",
}
TOO_LARGE = "Your form is too large"
SIGNED_OUT = (
    "You are signed out, and nothing was saved. Your text is still in the form: sign in in a new tab, go back to the "
    "form with the Back button of your browser, and send it again."
)


class NoUploads(FileUploadHandler):
    """Drops every file of a form as it arrives."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> NoReturn:
        raise SkipFile

    def file_complete(self, file_size: int) -> None:
        return None


class PictureHandler(FileUploadHandler):
    """Keeps one picture in memory, at most PICTURE_BYTES."""

    limit = PICTURE_BYTES

    def new_file(self, *arguments: Any, **options: Any) -> None:
        super().new_file(*arguments, **options)
        self.body = bytearray()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.body += raw_data
        if len(self.body) > self.limit:
            self.request.META["alphanode.upload_too_large"] = True  # type: ignore[union-attr]  # it came with one
            raise StopUpload(connection_reset=True)

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile("picture", bytes(self.body))


class StyleHandler(PictureHandler):
    """Keeps the file of a house style in memory. It is as large as any form, so its limit is never reached."""

    limit = FORM_BYTES

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile(self.file_name or "style", bytes(self.body))


class BodyLimits:
    """Middleware outside of everything that reads a form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.for_imports = reverse("admin:posts_importbatch_new")
        self.for_pictures = reverse("admin:posts_post_upload")
        self.for_style = reverse("admin:house_style")
        self.for_posts = reverse("admin:posts_post_changelist")
        self.for_generators = reverse("posts:api-imports")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = FORM_BYTES
        if request.path_info == self.for_generators:
            # Its view reads nothing before it knows the token, and stores what it reads in a file.
            return self.get_response(request)
        if request.path_info == self.for_imports:
            limit += MAX_UPLOAD_BYTES
        elif request.path_info == self.for_pictures:
            limit += PICTURE_BYTES
        elif request.path_info.startswith(self.for_posts):
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return self._refusal(request, limit) or self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Refuse a body that is too large, now that the user and the view are known."""
        if request.path_info == self.for_generators:
            return None
        if request.path_info == self.for_imports:
            if _may(request, "posts.import_posts"):
                request.upload_handlers = [CappedUploadHandler(request)]
                return None
        elif request.path_info == self.for_pictures:
            if _may(request, "posts.change_post") or _may(request, "posts.add_post"):
                request.upload_handlers = [PictureHandler(request)]
                return None
        elif request.path_info == self.for_style:
            if _may(request, "posts.change_stylerule"):
                request.upload_handlers = [StyleHandler(request)]
        elif request.path_info.startswith(self.for_posts):
            match = request.resolver_match
            right = RECORD_FORMS.get(match.url_name or "") if match else None
            if right and _may(request, right):
                return None
            if right and not request.user.is_authenticated:
                return self._refusal(request, FORM_BYTES, advice=SIGNED_OUT)
        return self._refusal(request, FORM_BYTES)

    def _refusal(self, request: HttpRequest, limit: int, *, advice: str = "") -> HttpResponse | None:
        """Return a 413 answer if the body has more than `limit` bytes, or no stated size. advice: what to do."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdecimal() and int(length) <= limit and not _is_chunked(request):
            return None
        text = advice or f"A form can have at most {limit >> 20} MB. Shorten it, or send it in parts."
        if _is_chunked(request):
            text = "This site accepts forms only with a Content-Length header."
        if is_for_programs(request):
            return problem(413, TOO_LARGE, text)
        return render(request, "413.html", {"title": TOO_LARGE, "text": text}, status=413)


def _may(request: HttpRequest, right: str) -> bool:
    """Return whether the person may enter the admin and has a right."""
    return request.user.is_active and request.user.is_staff and request.user.has_perm(right)


def _is_chunked(request: HttpRequest) -> bool:
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
