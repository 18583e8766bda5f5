"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("posts.urls")),
]

handler400 = "posts.views.bad_request"
handler403 = "posts.views.forbidden"
handler404 = "posts.views.not_found"
handler500 = "posts.views.server_error"
