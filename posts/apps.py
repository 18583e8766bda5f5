from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.core.exceptions import ImproperlyConfigured


class PostsConfig(AppConfig):
    name = "posts"
    default = True

    def ready(self):
        """Register what `migrate` asks of the database first, jobs, listeners, and checks that a site adds."""
        import_module("alphanode.system_checks")
        import_module("posts.deploy_checks")
        import_module("posts.jobs.registered")
        import_module("posts.account_trail").connect()
        for module in settings.EXTRA_CHECKS:
            try:
                import_module(module)
            except ImportError as error:
                raise ImproperlyConfigured(f"EXTRA_CHECKS: {module} can't be imported ({error}).") from error


class AlphaNodeAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our own site in its place."""

    default = False
    default_site = "posts.admin.site.AlphaNodeAdminSite"

    def ready(self):
        """Register our models once the site stands: the package that holds both can't do it on import."""
        super().ready()
        for module in ("accounts", "posts", "records", "imports", "jobs", "releases", "flags", "audit"):
            import_module(f"posts.admin.{module}")
