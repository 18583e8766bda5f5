import time
from typing import Any

from posts.listing.rebuild import rebuild_lists
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Rebuild the data of lists and search for every listed post, and remove the data of other posts. The site "
        "stays in use."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        count = rebuild_lists()
        seconds = time.perf_counter() - started
        self.stdout.write(f"{count:,} posts checked in {seconds:.1f} s ({count / seconds:,.0f} posts/s).")
