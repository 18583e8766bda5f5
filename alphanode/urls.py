"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("posts.urls")),
]

handler400 = "posts.public.views.bad_request"
handler403 = "posts.public.views.forbidden"
handler404 = "posts.public.views.not_found"
handler500 = "posts.public.views.server_error"
