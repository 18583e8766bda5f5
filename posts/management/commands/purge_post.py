from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.management.base import BaseCommand
from posts.models import Post
from posts.operations import Refused
from posts.operations.purge import purge_counts, purge_obstacles, purge_post


class Command(BaseCommand):
    help = (
        "Remove a post with all that is derived from it, for good. Its addresses then answer 410, and imports of the "
        "same post are refused. Without --purge, the command only says what would go."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source_id", help="the identity of the post in imports and exports")
        parser.add_argument("--why", default="", help="recorded in the audit trail; needed with --purge")
        parser.add_argument("--purge", action="store_true", help="purge it; nobody can take that back")

    def handle(self, *, source_id: str, why: str, purge: bool, **options: Any) -> None:
        post = Post.objects.filter(source_id=source_id).first()
        if post is None:
            raise CommandError("No post has this source id.")
        if not purge:
            if obstacles := purge_obstacles(post):
                raise CommandError(" ".join(obstacles))
            for kind, count in purge_counts(post).items():
                self.stdout.write(f"{count:,} {kind}")
            self.stdout.write("All of these would go. To purge the post, add --purge and --why.")
            return
        try:
            purge_post(post, by=None, why=why)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write("Purged. Purge it in your backups too, or delete them when their time has come.")
