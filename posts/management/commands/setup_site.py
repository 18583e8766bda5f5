import getpass
import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from posts.management.base import BaseCommand

ROLES = {
    "Editors": "writes and edits posts, and submits them for review",
    "Reviewers": "decides about posts, and releases and withdraws them",
    "Staff": "imports posts, flags them, manages generators and watches jobs",
}


class Command(BaseCommand):
    help = (
        "Create the first administrator of a new site, and say what each group may do. Does nothing if the site has "
        "an administrator. The password is asked for, or read from SETUP_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="admin", help="the account (default: admin)")
        parser.add_argument("--email", default="", help="where the site writes to")

    def handle(self, *, name: str, email: str, **options: Any) -> None:
        accounts = get_user_model().objects
        if (found := accounts.filter(is_superuser=True, is_active=True).order_by("pk").first()) is not None:
            self.stdout.write(f"This site has an administrator already: {found.get_username()}. Nothing was changed.")
        else:
            password = os.environ.get("SETUP_PASSWORD") or getpass.getpass("Password of the administrator: ")
            account = get_user_model()(username=name, email=email)
            try:
                account.full_clean(exclude=["password"])
                validate_password(password, account)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            with transaction.atomic():
                accounts.create_superuser(username=name, email=email, password=password)
            self.stdout.write(f"The administrator {name} is created. Sign in at /admin/.")
        self.stdout.write("Add an account for each person at /admin/auth/user/ and give it a group:")
        for group in Group.objects.order_by("name"):
            self.stdout.write(f"  {group.name}: {ROLES.get(group.name, 'see its page')}")
