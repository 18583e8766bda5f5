from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from posts.db.audit_triggers import install_guards
from posts.db.migration_plan import NeedsPostDeployment, PatientExecutor, UpgradeExecutor, post_deployment_migrations
from posts.db.page_triggers import put_triggers_in_place


class Command(Migrate):
    """Django's command without post-deployment migrations, after which the site's triggers are in place."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--post-deployment",
            action="store_true",
            help="also run the migrations that take away what the previous version needs; first end its processes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Django sends no signal at the end of a run that failed, so the triggers are put in place here."""
        is_whole = options["post_deployment"]
        # Django's command has no other place to say which executor it uses.
        migrate.MigrationExecutor = PatientExecutor if is_whole else UpgradeExecutor  # type: ignore[attr-defined]
        try:
            super().handle(*args, **options)
        except NeedsPostDeployment as error:
            raise CommandError(str(error)) from None
        except BaseException:
            put_triggers_in_place(connections[options["database"]])
            install_guards(connections[options["database"]])
            raise
        left = [] if is_whole else post_deployment_migrations(connections[options["database"]])
        if left and options["verbosity"]:
            self.stdout.write(
                f"Left for later: {', '.join(left)}. When no process of the previous version runs, run: "
                "manage.py migrate --post-deployment"
            )
