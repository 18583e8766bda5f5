from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.export.records import export_posts, write_to_file
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = "Write every post as a record, one a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default="-", help="a file; - (the default) is standard output")
        parser.add_argument("--live", action="store_true", help="the live revisions, instead of the proposed ones")

    def handle(self, *, output: str, live: bool, **options: Any) -> None:
        try:
            count = write_to_file(output, lambda stream: export_posts(stream, live=live))
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}.", returncode=74) from None
        self.stderr.write(f"{count:,} post(s) written.")
