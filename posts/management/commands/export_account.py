import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from posts.accounts.personal_data import export_of
from posts.management.base import BaseCommand
from posts.operations.frame import note, operating


class Command(BaseCommand):
    help = "Print, as JSON, all that an account left on this site: profile, decisions, texts, sessions and so on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the name of the account")

    def handle(self, *, account: str, **options: Any) -> None:
        user = User.objects.filter(username=account).first()
        if user is None:
            raise CommandError("No account has this name.")
        with operating():
            note("account exported", by=None, detail=f"account {user.pk}")
        for part in export_of(user):
            sys.stdout.buffer.write(part.encode())
        sys.stdout.buffer.flush()
