import time
from typing import Any

from django.core.management.base import CommandParser

from posts.management.base import BaseCommand
from posts.models import QueueEntry
from posts.review_queue.ranking import rank_queue


class Command(BaseCommand):
    help = "Update the review queue: pending posts, risk scores and risk reasons."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="rank every pending post again")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        ranked = rank_queue(everything=options["all"])
        seconds = time.perf_counter() - started
        self.stdout.write(f"{ranked:,} posts ranked in {seconds:.1f} s; {QueueEntry.objects.count():,} are pending.")
