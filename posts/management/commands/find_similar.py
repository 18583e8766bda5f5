import time
from typing import Any

from django.core.management.base import CommandParser

from posts.management.base import BaseCommand
from posts.related.related_posts import find_stale_related_posts, mark_all_stale


class Command(BaseCommand):
    help = "Find the related posts of every post that was released, changed or withdrawn since the last run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="find them again for every listed post")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        if options["all"]:
            mark_all_stale()
        found = find_stale_related_posts()
        seconds = time.perf_counter() - started
        self.stdout.write(f"{found:,} posts in {seconds:.1f} s ({found / seconds:,.0f} posts/s).")
