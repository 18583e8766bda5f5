from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from posts.accounts.second_factors import reset_second_factors
from posts.management.base import BaseCommand
from posts.operations import Refused


class Command(BaseCommand):
    help = (
        "Remove all second factors and recovery codes of a person who lost them, and end the person's sessions. "
        "The person then signs in with the password alone and sets up a new one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the name of the account")
        parser.add_argument("--why", required=True, help="how you know who asked; recorded in the audit trail")

    def handle(self, *, account: str, why: str, **options: Any) -> None:
        user = User.objects.filter(username=account).first()
        if user is None:
            raise CommandError("No account has this name.")
        try:
            count = reset_second_factors(user, why=why)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Removed {count} second factor{'' if count == 1 else 's'} of {user}. All sessions ended.")
