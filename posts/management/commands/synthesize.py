import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from posts.importing.pipeline import import_posts
from posts.management.base import BaseCommand
from posts.models import Origin
from posts.models.import_batch import COUNTS
from posts.synthesis.lines import as_stream, record_lines
from posts.synthesis.plants import DEFAULT_SHARE, KINDS, PlanRefused, Plant, parse_plan
from posts.synthesis.synthesizer import MAX_SEED


class Command(BaseCommand):
    help = "Make up posts, one record a line. The same seeds give the same bytes on every machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, required=True, help="how many posts: of seeds S, S+1, …")
        parser.add_argument("--seed", type=int, default=1, help="the first seed (1 if not given)")
        target = parser.add_mutually_exclusive_group()
        target.add_argument("--output", default="-", help="a file; - (the default) is standard output")
        target.add_argument(
            "--import", action="store_true", dest="into_site", help="import them into this site at once"
        )
        parser.add_argument(
            "--plant",
            action="append",
            default=[],
            metavar="KIND[=SHARE]",
            help=f"plant defects or edge cases into a share of the posts ({DEFAULT_SHARE} if not given); may be given "
            f"several times. Kinds: {', '.join(KINDS)}",
        )
        parser.add_argument("--planted", metavar="FILE", help="write what was planted, as JSON Lines, for measuring")

    def handle(
        self,
        *,
        count: int,
        seed: int,
        output: str,
        into_site: bool,
        plant: list[str],
        planted: str | None,
        **options: Any,
    ) -> None:
        if count < 1:
            raise CommandError("--count must be a whole number from 1.")
        if not 0 <= seed <= MAX_SEED - count:
            raise CommandError(f"--seed must be a whole number from 0; the last seed can be at most {MAX_SEED}.")
        try:
            plan = parse_plan(plant)
        except PlanRefused as refusal:
            raise CommandError(f"--plant: {refusal}") from None
        if planted and not plan:
            raise CommandError("--planted writes what --plant plants; give --plant KIND as well.")

        started = time.monotonic()
        plants: list[Plant] = []
        lines = record_lines(count, seed, plan, plants.append if planted else None)
        if into_site:
            self.bring_in(lines, name=f"synthesizer, seeds {seed}–{seed + count - 1}")
        elif output == "-":
            for line in lines:
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        else:
            with replacing(output) as file:
                file.writelines(lines)
        if planted:
            with replacing(planted) as file:
                file.writelines(json.dumps(asdict(plant), ensure_ascii=False).encode() + b"\n" for plant in plants)
        seconds = time.monotonic() - started
        self.stderr.write(f"{count:,} post(s) made, {count / max(seconds, 0.001):,.0f} a second.")

    def bring_in(self, lines: Iterable[bytes], *, name: str) -> None:
        batch = import_posts(as_stream(lines), name=name, origin=Origin.FIXED_ALGORITHM)
        counts = ", ".join(f"{getattr(batch, count):,} {count}" for count in COUNTS)
        self.stdout.write(f"Import {batch.pk}: {counts}.")
        if batch.refused:
            raise CommandError(f"{batch.refused:,} row(s) were refused. The page of the import lists them.")


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """Open a binary file that gets the name `path` when it is complete: nobody reads half of it."""
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
            try:
                yield part
            except BaseException:
                os.unlink(part.name)
                raise
        os.replace(part.name, target)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}.") from None
