import base64
import secrets
from typing import Any

from posts.management.base import BaseCommand


class Command(BaseCommand):
    """Prints a new secret for webhooks."""

    help = "Print a new secret for WEBHOOK_SECRETS. Put it first, and give it to the receivers."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print 32 random bytes as Standard Webhooks writes them."""
        self.stdout.write(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")
