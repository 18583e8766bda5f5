import time
from typing import Any

from django.core.management.base import CommandParser

from posts.management.base import BaseCommand
from posts.review_queue.scoring import forget_scores, score_new


class Command(BaseCommand):
    help = "Update the scorecards of generators: with the posts that something happened to since the last run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="count every post again, from the first one")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        if options["all"]:
            forget_scores()
        scored = score_new()
        seconds = time.perf_counter() - started
        self.stdout.write(f"{scored:,} posts in {seconds:.1f} s ({scored / seconds:,.0f} posts/s).")
