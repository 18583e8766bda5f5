import resource
import sys
import time
from typing import Any

from django.core.management.base import CommandParser

from posts.content_checks.scan import scan_new_texts
from posts.management.base import BaseCommand


def peak_memory() -> int:
    """Return the most memory that this process had so far, in MB."""
    # Linux counts in KB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024**2 if sys.platform == "darwin" else 1024)


class Command(BaseCommand):
    help = "Check the revisions that are new since the last run, and look for near-duplicates."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="check every revision without a stored result")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        checked, sketched = scan_new_texts(from_start=options["all"])
        seconds = time.perf_counter() - started
        self.stdout.write(
            f"{checked:,} revisions checked, {sketched:,} compared with all others, in {seconds:.1f} s "
            f"({(checked + sketched) / 2 / seconds:,.0f} posts/s, {peak_memory():,} MB at most)."
        )
