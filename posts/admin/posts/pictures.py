"""Addresses for the scripts of the form of a post: upload a picture, and look at the one that an address leads to."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from posts.admin.pages import AdminPage
from posts.errors import Refused
from posts.operations.pictures import look_at_address, may_add_pictures, upload_picture
from posts.pictures.reencode import TOO_MANY_BYTES
from posts.rendering.images import own_picture, uploaded_picture_address


class _ForScripts(AdminPage):
    http_method_names = ["post"]

    def may_see(self) -> bool:
        """Return whether the person may write posts."""
        return may_add_pictures(self.person)

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Say why not, to the script."""
        return JsonResponse({"problem": str(refusal)}, status=status)


class PictureUpload(_ForScripts):
    """Stores one picture."""

    def act(self, subject: Any) -> HttpResponse:
        """Store the picture; answer with what a row of the form needs."""
        file = self.request.FILES.get("picture")
        if self.request.META.get("alphanode.upload_too_large"):
            raise Refused(TOO_MANY_BYTES)
        if file is None:
            raise Refused("No picture arrived. Choose one.")
        row = upload_picture(file.read(), by=self.person)
        url = uploaded_picture_address(row.name)
        return JsonResponse(
            {"url": url, "shown": own_picture(url), "width": row.width_px, "height": row.height_px}, status=201
        )


class PictureLook(_ForScripts):
    """Says what the picture at an address is like, and what is wrong with it."""

    def act(self, subject: Any) -> HttpResponse:
        """Look at the address."""
        look = look_at_address(self.request.POST.get("url", ""), by=self.person)
        return JsonResponse(
            {
                "shown": look.shown,
                "width": look.width,
                "height": look.height,
                "words": look.words,
                "problems": look.problems,
            }
        )
