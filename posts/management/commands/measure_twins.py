import io
import itertools
import json
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from posts.importing.pipeline import import_posts
from posts.management.base import BaseCommand
from posts.models import Post, TextTwin
from posts.operations.frame import operating
from posts.records.schema import RecordDict
from posts.related.near_duplicates import SketchedText, jaccard, sketch_posts

LEVELS = (0.95, 0.9, 0.8)


def planted_records(count: int, pairs: int, seed: int = 1) -> tuple[list[RecordDict], dict[tuple[str, str], float]]:
    """Return (records, {(source id, source id): level}) with planted near-duplicates.

    These are `count` articles of made-up words with shared boilerplate, and for each of LEVELS `pairs` copies of some
    of them, edited until the shingles of their own words agree to that level.
    """
    chance = random.Random(seed)  # noqa: S311 (a corpus to measure with, no secret)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(3, 9))) for _ in range(6000)]
    boilerplate = [" ".join(chance.choices(words, k=40)) for _ in range(6)]
    records, twins = [], {}
    for number in range(count):
        own = [" ".join(chance.choices(words, k=chance.randint(40, 90))) for _ in range(chance.randint(4, 8))]
        records.append(_record(f"measure-{number}", own, chance.sample(boilerplate, 3)))
    for (index, level), original in zip(
        itertools.product(range(pairs), LEVELS), itertools.cycle(list(records)), strict=False
    ):
        twin = _edited(original, level, words, chance)
        twin["source_id"] = f"measure-twin-{level}-{index}"
        twins[original["source_id"], twin["source_id"]] = level
        records.append(twin)
    return records, twins


def _record(source_id: str, own: list[str], shared: list[str]) -> RecordDict:
    return {"source_id": source_id, "title": source_id, "body": "\n\n".join(own), "shared": shared}


def _edited(record: RecordDict, level: float, words: list[str], chance: random.Random) -> RecordDict:
    """Return `record` with single words replaced until its shingles agree with the original's to just above `level`."""
    paragraphs = [text.split() for text in record["body"].split("\n\n")]
    original = SketchedText(record).shingles()
    last = record
    while True:
        paragraph = chance.choice(paragraphs)
        paragraph[chance.randrange(len(paragraph))] = chance.choice(words)
        edited = {**record, "body": "\n\n".join(map(" ".join, paragraphs))}
        if jaccard(original, SketchedText(edited).shingles()) < level:
            return dict(last)
        last = edited


def with_boilerplate(record: RecordDict, chance: random.Random) -> RecordDict:
    """Return the record with its boilerplate paragraphs between its own."""
    own = record["body"].split("\n\n")
    for text in record.pop("shared"):
        own.insert(chance.randrange(len(own) + 1), text)
    return {**record, "body": "\n\n".join(own)}


class Command(BaseCommand):
    help = "Plant near-duplicates in made-up posts, look for them, and print precision and recall. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=2000, help="posts without a near-duplicate")
        parser.add_argument("--pairs", type=int, default=100, help="near-duplicates planted at each level")

    def handle(self, *args: Any, count: int, pairs: int, **options: Any) -> None:
        records, planted = planted_records(count, pairs)
        chance = random.Random(2)  # noqa: S311
        records = [with_boilerplate(record, chance) for record in records]
        with operating():
            for line in measured(records, planted):
                self.stdout.write(line)
            transaction.set_rollback(True)


def measured(records: list[RecordDict], planted: dict[tuple[str, str], float]) -> Iterator[str]:
    """Yield lines that say how many planted pairs are found, and how many found pairs are wrong."""
    ids = import_records(records)
    started, worked = time.perf_counter(), time.process_time()
    sketch_posts(ids.values())
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    found = set(TextTwin.objects.filter(post__in=ids.values()).values_list("post", "twin"))
    rate = f"{len(records) / seconds:,.0f} posts/s ({worked:.1f} s of it this process at work)"
    yield f"{len(records):,} posts sketched in {seconds:.1f} s: {rate}."
    for level in LEVELS:
        pairs = [pair for pair, at in planted.items() if at == level]
        hits = sum((ids[a], ids[b]) in found for a, b in pairs)
        yield f"recall at {level}: {hits} of {len(pairs)}, {hits / len(pairs):.3f}"
    wanted = {frozenset((ids[a], ids[b])) for a, b in planted}
    told = {frozenset(pair) for pair in found}
    yield f"precision: {len(told & wanted)} of {len(told)}, {len(told & wanted) / max(1, len(told)):.3f}"


def import_records(records: Iterable[RecordDict]) -> dict[str, int]:
    """Import record dicts; return {source id: post pk}."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    import_posts(io.BytesIO(lines.encode()), name="measure_twins")
    return dict(Post.objects.filter(source_id__startswith="measure-").values_list("source_id", "pk"))
