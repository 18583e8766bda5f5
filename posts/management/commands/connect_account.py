from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from posts.accounts.sign_on import connect_account
from posts.management.base import BaseCommand
from posts.operations import Refused


class Command(BaseCommand):
    help = "Let a person of the provider of single sign-on sign in to an account that exists here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the name of the account here")
        parser.add_argument("subject", help="who the person is at the provider: the claim “sub”")

    def handle(self, *, account: str, subject: str, **options: Any) -> None:
        user = User.objects.filter(username=account).first()
        if user is None:
            raise CommandError("No account has this name.")
        try:
            connect_account(user, subject)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{user} can now sign in through the provider.")
