from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.export.records import write_to_file, written_issues
from posts.management.base import BaseCommand, import_with
from posts.models import ImportIssue


class Command(BaseCommand):
    help = (
        "Write the rows that an import refused, unchanged, one a line: edit them and import the file. Settled rows "
        "are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=int, help="the number of the import")
        parser.add_argument("--kind", choices=["refused", "duplicate", "conflict"], default="refused")
        parser.add_argument("--output", default="-", help="a file; - (the default) is standard output")

    def handle(self, *, batch: int, kind: str, output: str, **options: Any) -> None:
        found = import_with(batch)
        try:
            count = write_to_file(output, lambda stream: written_issues(stream, found, ImportIssue.Kind(kind)))
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}.", returncode=74) from None
        self.stderr.write(f"{count:,} row(s) written.")
