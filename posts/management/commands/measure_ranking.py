from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from posts.content_checks.package_names import lend_package_names
from posts.content_checks.scan import scan_new_texts
from posts.importing.pipeline import import_posts
from posts.management.base import BaseCommand
from posts.models import Post, QueueEntry
from posts.operations.frame import operating
from posts.review_queue.order import ORDER
from posts.review_queue.ranking import rank_queue
from posts.synthesis.lines import as_stream, record_lines
from posts.synthesis.plants import REAL_PACKAGES, PlanRefused, Plant, parse_plan

# What a reviewer who starts at the top of the queue should meet early.
DEFECTS = ("code", "packages", "claims", "twin", "foreign-images", "residue", "draft", "title")
FIRST_SHARE = 0.2
# The share of posts with a planted defect, of all kinds together.
PLANTED = 0.16
# Far away from usual seeds, so that no post of the site is mistaken for one of these.
SEED = 7_000_000


class Command(BaseCommand):
    help = "Plant defects in a synthesized corpus and count how many come early in the queue. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=2000, help="posts to make")
        parser.add_argument("--seed", type=int, default=SEED, help="the first seed")
        parser.add_argument(
            "--plant", action="append", metavar="KIND[=SHARE]", help="what to plant, as in the command synthesize"
        )

    def handle(self, *args: Any, count: int, seed: int, **options: Any) -> None:
        try:
            plan = parse_plan(options["plant"] or [f"{kind}={PLANTED / len(DEFECTS):.4f}" for kind in DEFECTS])
        except PlanRefused as refusal:
            self.stderr.write(f"--plant: {refusal}")
            return
        with operating():
            for line in measured(count, seed, plan):
                self.stdout.write(line)
            transaction.set_rollback(True)


def measured(count: int, seed: int, plan: Mapping[str, float]) -> Iterator[str]:
    """Yield lines with the share of planted defects in the first FIRST_SHARE of the queue."""
    lend_package_names(REAL_PACKAGES)
    plants: list[Plant] = []
    batch = import_posts(as_stream(record_lines(count, seed, plan, plants.append)), name="measure_ranking")
    scan_new_texts()
    rank_queue()
    ids = dict(Post.objects.filter(first_batch=batch).values_list("source_id", "pk"))
    queue = list(ORDER.after(QueueEntry.objects.filter(batch=batch), None).values_list("pk", flat=True))
    first = set(queue[: round(len(queue) * FIRST_SHARE)])
    planted: Counter[str] = Counter()
    early: Counter[str] = Counter()
    for plant in plants:
        planted[plant.kind] += 1
        early[plant.kind] += ids[plant.source_id] in first
    yield f"{len(queue):,} posts are pending, {planted.total():,} of them with a planted defect."
    for kind, number in sorted(planted.items()):
        yield f"  {kind}: {early[kind]} of {number} in the first {FIRST_SHARE:.0%}"
    share = early.total() / max(1, planted.total())
    yield f"The first {FIRST_SHARE:.0%} of the queue hold {early.total()} of {planted.total()}: {share:.1%}."
