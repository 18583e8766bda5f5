from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from posts.accounts.erase import erase_account, erasing_obstacles, name_afterwards
from posts.management.base import BaseCommand
from posts.operations import Refused


class Command(BaseCommand):
    help = (
        "Erase an account: another name stands in its place, nobody can sign in with it, and its sessions, tokens, "
        "second factors and unsaved texts go. Decisions stay. Without --erase, the command only says what it would do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the name of the account")
        parser.add_argument("--why", default="", help="recorded in the audit trail; needed with --erase")
        parser.add_argument("--erase", action="store_true", help="erase it; nobody can take that back")

    def handle(self, *, account: str, why: str, erase: bool, **options: Any) -> None:
        user = User.objects.filter(username=account).first()
        if user is None:
            raise CommandError("No account has this name.")
        if not erase:
            if obstacles := erasing_obstacles(user, by=None):
                raise CommandError(" ".join(obstacles))
            self.stdout.write(f"Would call it “{name_afterwards(user)}”. To erase it, add --erase and --why.")
            return
        try:
            name = erase_account(user, by=None, why=why)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Erased. The account is now called “{name}”.")
