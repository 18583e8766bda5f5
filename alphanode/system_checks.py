"""Checks that `migrate` runs on the database before it changes anything, on every new version."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections


@register(Tags.database)
def sqlite_file_is_whole(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Return an Error for each SQLite file that PRAGMA quick_check finds damaged."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor != "sqlite":
            continue
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("PRAGMA quick_check(1)")
                answer = cursor.fetchone()[0]
        except DatabaseError as error:
            answer = str(error)
        if answer != "ok":
            found.append(
                Error(
                    f"The database file {connections[alias].settings_dict['NAME']} is damaged: {answer}",
                    hint="Stop here and restore a backup.",
                    id="alphanode.E001",
                )
            )
    return found
