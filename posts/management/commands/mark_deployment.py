from typing import Any

from django.core.management.base import CommandError, CommandParser

import posts
from posts.management.base import BaseCommand
from posts.operations import Refused
from posts.operations.deployments import mark_deployment


class Command(BaseCommand):
    help = (
        "Note who answers for a deployment, what it should improve and how to roll it back. A new version is noted "
        "when it begins. The page Operations compares the time before and after it."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let --version be ours: Django's prints its own version and ends."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--version", default=posts.__version__, help="default: that of this code")
        parser.add_argument("--owner", required=True, help="who answers for it")
        parser.add_argument("--expected", default="", help="what should be better afterwards")
        parser.add_argument("--rollback-note", default="", help="how to take it back")

    def handle(self, *, version: str, owner: str, expected: str, rollback_note: str, **options: Any) -> None:
        try:
            deployment = mark_deployment(
                version=version, owner=owner, expected_result=expected, rollback_note=rollback_note, by=None
            )
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Noted for {deployment}, which began {deployment.began_at:%Y-%m-%d %H:%M} UTC.")
