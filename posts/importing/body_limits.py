"""Limits of request bodies: 1 MB for a form, and files only at the import form, from people who may import.

They are checked before anything reads the body, including the CSRF check: a refused body is stored neither in memory
nor on disk.
"""

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import reverse

from posts.importing.uploads import MAX_UPLOAD_BYTES, CappedUploadHandler
from posts.outages import is_for_programs

TOO_LARGE = "What you sent is too large"


class NoUploads(FileUploadHandler):
    """Drops every file of a form as it arrives."""

    def receive_data_chunk(self, raw_data, start):
        raise SkipFile

    def file_complete(self, file_size):
        return None


class BodyLimits:
    """Middleware outside of everything that reads a form."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.for_imports = reverse("admin:posts_importbatch_new")

    def __call__(self, request):
        most = MAX_UPLOAD_BYTES if request.path_info == self.for_imports else 0
        return self._refusal(request, most) or self.get_response(request)

    def process_view(self, request, view, arguments, options):
        """Refuse a body that is too large, now that the user is known."""
        if request.path_info != self.for_imports:
            return None
        if request.user.is_active and request.user.is_staff and request.user.has_perm("posts.import_posts"):
            request.upload_handlers = [CappedUploadHandler(request)]
            return None
        return self._refusal(request, 0)

    def _refusal(self, request, most):
        """Return a 413 answer if the body exceeds a form with `most` bytes of files, or has no stated size."""
        limit = most + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdecimal() and int(length) <= limit and not _is_chunked(request):
            return None
        text = f"A form takes {limit >> 20} MB at most. Shorten it, or send it in parts."
        if _is_chunked(request):
            text = "This site takes forms only from programs that say beforehand how large they are."
        if is_for_programs(request):
            content = {"type": "about:blank", "title": TOO_LARGE, "status": 413, "detail": text}
            return JsonResponse(content, status=413, content_type="application/problem+json")
        return render(request, "413.html", {"title": TOO_LARGE, "text": text}, status=413)


def _is_chunked(request):
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
