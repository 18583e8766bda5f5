import time

from posts.listing.rebuild import rebuild_lists
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Write anew what lists and search keep of every listed text, and drop what they keep of others. Works in sets; "
        "the site stays in use."
    )

    def handle(self, *args, **options):
        started = time.perf_counter()
        count = rebuild_lists()
        seconds = time.perf_counter() - started
        self.stdout.write(f"{count:,} posts looked at in {seconds:.1f} s ({count / seconds:,.0f} posts/s).")
