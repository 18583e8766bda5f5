"""How many days rows are kept that no text and no decision needs: the setting KEEP_DAYS."""

from datetime import timedelta

from django.conf import settings

# {kind: days}. docs/operations.md says what each of them is.
DEFAULT_DAYS = {
    "jobs": 14,
    "failed-jobs": 60,
    "messages": 30,
    "given-up-messages": 90,
    "notifications": 30,
    "unread-notifications": 180,
    "figures": 35,
    "unsaved-texts": 30,
    "unused-pictures": 60,
    "revoked-copies": 60,
    "link-checks": 400,
    "preview-links": 90,
    "import-rows": 400,
    "bulk-actions": 400,
}


def kept(kind: str) -> timedelta:
    """Return how long rows of a kind are kept."""
    return timedelta(days=settings.KEEP_DAYS[kind])
