from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.export.records import export_reviews, write_to_file
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = "Write every reviewer's decision as a line of JSON, for example as feedback for the generator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default="-", help="a file; - (the default) is standard output")

    def handle(self, *, output: str, **options: Any) -> None:
        try:
            count = write_to_file(output, export_reviews)
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}.", returncode=74) from None
        self.stderr.write(f"{count:,} decision(s) written.")
