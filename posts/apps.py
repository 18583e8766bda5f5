from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PostsConfig(AppConfig):
    name = "posts"
    default = True

    def ready(self):
        # Registers the checks that migrations run first.
        from alphanode import system_checks  # noqa: F401


class AlphaNodeAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our own site in its place."""

    default = False
    default_site = "posts.admin.site.AlphaNodeAdminSite"
