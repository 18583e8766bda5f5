from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from posts.db.audit_triggers import install_guards
from posts.db.page_triggers import put_triggers_in_place


class Command(Migrate):
    """Django's command, after which the site's triggers are in place even if a migration failed."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Django sends no signal at the end of a run that failed."""
        try:
            super().handle(*args, **options)
        except BaseException:
            put_triggers_in_place(connections[options["database"]])
            install_guards(connections[options["database"]])
            raise
