import time

from posts.content_checks.scan import scan_new_texts
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = "Read the texts that came in since the last time: run the checks on them and look for near-duplicates."

    def add_arguments(self, parser):
        parser.add_argument("--all", action="store_true", help="read every text that has nothing stored")

    def handle(self, *args, **options):
        started = time.perf_counter()
        checked, sketched = scan_new_texts(from_start=options["all"])
        seconds = time.perf_counter() - started
        self.stdout.write(
            f"{checked:,} texts checked, {sketched:,} compared with all others, in {seconds:.1f} s "
            f"({(checked + sketched) / 2 / seconds:,.0f} posts/s)."
        )
