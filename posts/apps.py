from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PostsConfig(AppConfig):
    name = "posts"
    default = True

    def ready(self):
        """Register what `migrate` asks of the database first, the background jobs, and who listens for sign-ins."""
        import_module("alphanode.system_checks")
        import_module("posts.jobs.registered")
        import_module("posts.account_trail").connect()


class AlphaNodeAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our own site in its place."""

    default = False
    default_site = "posts.admin.site.AlphaNodeAdminSite"

    def ready(self):
        """Register our models once the site stands: the package that holds both can't do it on import."""
        super().ready()
        for module in ("posts", "records", "jobs", "releases", "flags", "audit"):
            import_module(f"posts.admin.{module}")
