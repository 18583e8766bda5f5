"""Pictures for the form of a post: upload one, and look at the one that an address leads to."""

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from posts.admin.pages import AdminPage
from posts.admin.trail import posts_trail
from posts.errors import Refused
from posts.models import Post, UploadedPicture
from posts.operations.pictures import look_at_address, may_add_pictures, upload_picture
from posts.pictures.picture import TOO_MANY_BYTES
from posts.rendering.images import own_picture, uploaded_picture_address


class _ForWriters(AdminPage):
    def may_see(self) -> bool:
        """Return whether the person may write posts."""
        return may_add_pictures(self.person)

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Say why not, to the script."""
        return JsonResponse({"problem": str(refusal)}, status=status)


class PictureUpload(_ForWriters):
    """Stores one picture, for the script of the form. Without a script this is a page: it shows what to copy."""

    template = "posts/post/upload"
    title = "Upload an image"
    model: ClassVar[type[Model] | None] = Post

    def page(self, subject: Any, *, status: int = 200, picture: UploadedPicture | None = None) -> HttpResponse:
        """Return the page. picture: the one that was just stored."""
        url = uploaded_picture_address(picture.name) if picture else ""
        trail = posts_trail(self.title)
        return self.render(status=status, trail=trail, picture=picture, url=url, shown=own_picture(url))

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Say why not, to the script or on the page."""
        if self._is_page:
            return AdminPage.refused(self, subject, refusal, status)
        return super().refused(subject, refusal, status)

    @property
    def _is_page(self) -> bool:
        """Whether a person sent the form of the page."""
        return self.action == "upload"

    def act(self, subject: Any) -> HttpResponse:
        """Store the picture; answer with what a row of the form needs."""
        file = self.request.FILES.get("picture")
        if self.request.META.get("alphanode.upload_too_large"):
            raise Refused(TOO_MANY_BYTES)
        if file is None:
            raise Refused("No picture arrived. Choose one.")
        row = upload_picture(file.read(), by=self.person)
        if self._is_page:
            return self.page(None, status=201, picture=row)
        url = uploaded_picture_address(row.name)
        return JsonResponse(
            {"url": url, "shown": own_picture(url), "width": row.width_px, "height": row.height_px}, status=201
        )


class PictureLook(_ForWriters):
    """Says what the picture at an address is like, and what is wrong with it, for the script of the form."""

    http_method_names = ["post"]

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
