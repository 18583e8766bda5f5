import contextlib
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from posts.importing.pipeline import COUNTS, import_posts
from posts.importing.readers import READERS
from posts.importing.sources import SourceUnreadable, open_source
from posts.models import ImportIssue


class Command(BaseCommand):
    help = "Bring posts in from a file of records. Running it again changes nothing that is there already."

    def add_arguments(self, parser):
        parser.add_argument("file", help="a file, gzipped or not; - reads standard input")
        parser.add_argument("--format", choices=sorted(READERS), default="jsonl")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen; write nothing")

    def handle(self, *, file, format, dry_run, **options):
        self.started, self.shown = time.monotonic(), 0.0
        name = "standard input" if file == "-" else str(Path(file).resolve())
        try:
            with open_source(file) as stream:
                batch = import_posts(
                    stream,
                    name=name,
                    format=format,
                    dry_run=dry_run,
                    on_chunk=self.show_progress,
                    on_issue=self.show_issue,
                )
        except SourceUnreadable as error:
            raise CommandError(str(error)) from None
        self.clear_progress()
        seconds = time.monotonic() - self.started
        counts = ", ".join(f"{getattr(batch, count):,} {count}" for count in COUNTS)
        rate = sum(getattr(batch, count) for count in COUNTS) / max(seconds, 0.001)
        head = "Rehearsal, nothing was written" if dry_run else f"Import {batch.pk}"
        self.stdout.write(f"{head}: {counts}. {seconds:.1f} s, {rate:,.0f} rows a second.")
        if batch.refused:
            raise CommandError(f"{batch.refused:,} row(s) were refused; they are named above.")

    def show_issue(self, issue):
        self.clear_progress()
        if issue.kind == ImportIssue.Kind.DUPLICATE:
            self.stderr.write(f"line {issue.line}: duplicate: the identity stands on line {issue.first_line} already.")
        for pointer, reason in issue.problems:
            self.stderr.write(f"line {issue.line}: {issue.kind}: {pointer or 'whole record'}: {reason}")

    def show_progress(self, batch):
        """On a terminal one line that moves, at most four times a second; nothing in a log."""
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.shown > 0.25:
            self.shown = now
            rate = batch.checkpoint_line / max(now - self.started, 0.001)
            with contextlib.suppress(OSError):
                print(f"\r{batch.checkpoint_line:,} lines, {rate:,.0f} a second ", end="", file=sys.stderr, flush=True)

    def clear_progress(self):
        if self.shown:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
