from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError

PASSWORD = "alphanode-demo"  # noqa: S105 (printed, and made with DEBUG on only)
PEOPLE = {"editor": "Editors", "reviewer": "Reviewers", "staff": "Staff"}


class Command(BaseCommand):
    help = "Make demo accounts, one of each group (DEBUG only). Does nothing where they exist."

    def handle(self, **options):
        if not settings.DEBUG:
            raise CommandError("Demo accounts have a known password; they are made with DEBUG on only.")
        for name, group in PEOPLE.items():
            person, is_new = User.objects.get_or_create(username=name, defaults={"is_staff": True})
            if is_new:
                person.set_password(PASSWORD)
                person.save()
                person.groups.add(Group.objects.get(name=group))
        if not User.objects.filter(username="admin").exists():
            User.objects.create_superuser("admin", password=PASSWORD)
        self.stdout.write(f"Accounts: {', '.join([*PEOPLE, 'admin'])}; the password of each is {PASSWORD}")
