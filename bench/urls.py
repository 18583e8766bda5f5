"""The addresses of the site, and that of a view that does nothing."""

from django.http import HttpResponse
from django.urls import include, path

BODY = "x" * 8_000

urlpatterns = [path("bench/trivial/", lambda request: HttpResponse(BODY)), path("", include("alphanode.urls"))]

handler400 = "posts.public.views.bad_request"
handler403 = "posts.public.views.forbidden"
handler404 = "posts.public.views.not_found"
handler500 = "posts.public.views.server_error"
