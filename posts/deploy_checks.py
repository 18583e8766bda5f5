"""What `check --deploy` asks of the running site."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.core.checks import Error as CheckError
from django.db import Error, connection

from posts.db.page_triggers import is_whole, missing_triggers
from posts.db.pooler import WrongPooler, check_same_database, check_way_to_database
from posts.operations.report import reports_lack_addresses


@register(Tags.security, deploy=True)
def proxy_sends_addresses(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Return a Warning if the proxy sent a reader's report today without the reader's address."""
    try:
        if not settings.BEHIND_PROXY or not reports_lack_addresses():
            return []
    except Error:
        # Without a database there is nothing to check; other checks report that it is missing.
        return []
    return [
        Warning(
            "Today a reader's report came without the reader's address, which the proxy sends in X-Forwarded-For.",
            hint="Set X-Forwarded-For in the proxy as docs/operations.md shows. Until then reports are counted for "
            "each article, not for each reader.",
            id="posts.W001",
        )
    ]


@register(Tags.database, deploy=True)
def pages_follow_changes(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Return an Error if the database lacks triggers that throw changed pages out of the caches."""
    try:
        # Without all tables the site has worse to say than this.
        missing = missing_triggers(connection) if is_whole(connection) else []
    except Error:
        return []
    if not missing:
        return []
    return [
        CheckError(
            f"The database lacks triggers that keep cached pages up to date: {', '.join(missing)}.",
            hint="Readers may see outdated pages. Run: manage.py migrate",
            id="posts.E001",
        )
    ]


@register(Tags.security, deploy=True)
def way_to_database_fits(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Return an Error if a connection pooler stands where the settings say none, or the other way round."""
    web, own = settings.WEB_DATABASE, settings.OWN_DATABASE
    try:
        check_way_to_database(web, pooler=settings.DATABASE_POOLER)
        check_way_to_database(own, pooler="")
        if settings.DATABASE_POOLER:
            check_same_database(web, own)
    except WrongPooler as error:
        return [
            CheckError(
                str(error), hint="See “Put a pooler in front of PostgreSQL” in docs/scaling.md.", id="posts.E002"
            )
        ]
    return []
