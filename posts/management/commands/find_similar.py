import time

from posts.management.base import BaseCommand
from posts.related.related_posts import find_stale_related_posts, mark_all_stale


class Command(BaseCommand):
    help = "Find the similar posts of every post that was released, changed or taken away since the last time."

    def add_arguments(self, parser):
        parser.add_argument("--all", action="store_true", help="find those of every listed post anew")

    def handle(self, *args, **options):
        started = time.perf_counter()
        if options["all"]:
            mark_all_stale()
        found = find_stale_related_posts()
        seconds = time.perf_counter() - started
        self.stdout.write(f"{found:,} posts in {seconds:.1f} s ({found / seconds:,.0f} posts/s).")
