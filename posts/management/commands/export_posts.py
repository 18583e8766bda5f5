import os
import sys
import tempfile
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from posts.exporting import export_posts


class Command(BaseCommand):
    help = "Write every post as a record, one a line."

    def add_arguments(self, parser):
        parser.add_argument("--output", default="-", help="a file; - (the default) is standard output")
        parser.add_argument("--live", action="store_true", help="what readers see, instead of the proposed texts")

    def handle(self, *, output, live, **options):
        if output == "-":
            count = export_posts(sys.stdout.buffer, live=live)
        else:
            target = Path(output)
            try:
                # Beside the target and renamed at the end: a reader never finds half a file.
                with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
                    count = export_posts(part, live=live)
                os.replace(part.name, target)
            except OSError as error:
                raise CommandError(f"{output} can't be written: {error.strerror}.") from None
        self.stderr.write(f"{count:,} post(s) written.")
