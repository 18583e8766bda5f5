from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.core.exceptions import ImproperlyConfigured

# Every module that registers background jobs; a worker knows only the jobs in these modules.
TASK_MODULES = (
    "posts.jobs.housekeeping",
    "posts.outbox.tasks",
    "posts.outbox.purge",
    "posts.notifications.tasks",
    "posts.content_checks.tasks",
    "posts.related.tasks",
    "posts.listing.tasks",
    "posts.listing.article_tasks",
    "posts.review_queue.tasks",
    "posts.operations.queue_tasks",
    "posts.operations.tasks",
    "posts.operations.link_tasks",
    "posts.operations.audit_tasks",
    "posts.accounts.tasks",
    "posts.importing.tasks",
    "posts.monitoring.tasks",
    "posts.public.tasks",
)


class PostsConfig(AppConfig):
    name = "posts"
    default = True

    def ready(self) -> None:
        """Register database checks, jobs, signal handlers, and the checks that a site adds."""
        import_module("alphanode.system_checks")
        import_module("posts.deploy_checks")
        for module in TASK_MODULES:
            import_module(module)
        import_module("posts.audit.accounts").connect()
        import_module("posts.accounts.mails").connect()
        import_module("posts.db.page_triggers").connect()
        import_module("posts.db.audit_triggers").connect()
        for module in settings.EXTRA_CHECKS:
            try:
                import_module(module)
            except ImportError as error:
                raise ImproperlyConfigured(f"EXTRA_CHECKS: {module} can't be imported ({error}).") from error


class AlphaNodeAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our own site."""

    default = False
    default_site = "posts.admin.site.AlphaNodeAdminSite"

    def ready(self) -> None:
        """Register our models once the site exists; the package of both can't do it on import."""
        super().ready()
        for module in (
            "accounts",
            "posts.model_admin",
            "records",
            "imports.model_admin",
            "generators",
            "jobs",
            "posts.releases",
            "posts.flags",
            "posts.row_lists",
            "links",
            "audit",
            "outbox",
        ):
            import_module(f"posts.admin.{module}")
