import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from posts.content_checks.package_names import lend_package_names
from posts.content_checks.registry import Finding, check_keys, registered_checks, results
from posts.importing.readers.markdown import MarkdownReader
from posts.importing.sources import SourceUnreadable, open_source
from posts.management.base import BaseCommand
from posts.records.schema import RecordDict
from posts.synthesis.plants import DEFECTS, REAL_PACKAGES, found_by, synthesize_planted

# Blocking checks may be wrong in at most this share of real posts.
MAX_FALSE = 0.005
# Far away from usual seeds.
SEED = 8_000_000


class Command(BaseCommand):
    help = "Show what each check finds of planted defects, and in folders of Markdown files that people wrote."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folders", nargs="*", help="folders or archives of Markdown files without such defects")
        parser.add_argument("--count", type=int, default=40, help="texts to make for each kind of defect")
        parser.add_argument("--seed", type=int, default=SEED, help="the first seed")
        parser.add_argument("--most", type=int, default=5_000, help="files to read of each folder")
        parser.add_argument(
            "--show", action="append", default=[], metavar="CHECK", help="print what this check finds in the folders"
        )

    def handle(self, *, folders: list[str], count: int, seed: int, most: int, **options: Any) -> None:
        with transaction.atomic():
            lend_package_names(REAL_PACKAGES)
            planted, found = planted_and_found(count, seed)
            transaction.set_rollback(True)
        # It reads the rules of the house style, which checks find in this process.
        check_keys()
        real: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        stopped = texts = 0
        begun = time.perf_counter()
        for folder in folders:
            for name, record in self._records(folder, most):
                findings = results(record)[0]
                texts += 1
                stopped += any(_is_about_words(finding) for finding in findings)
                real.update({finding.check for finding in findings})
                rules.update({finding.rule for finding in findings if finding.rule})
                for finding in findings:
                    if finding.check in options["show"]:
                        self.stdout.write(f"{name}: {finding.message}")
        seconds = time.perf_counter() - begun
        for line in table(planted, found, real, texts):
            self.stdout.write(line)
        for rule, number in rules.most_common():
            self.stdout.write(f"  rule {rule:<48}{number:>8,} ({number / texts:.2%})")
        if texts:
            self.stdout.write(
                f"{texts:,} real texts ({texts / seconds:,.0f} a second): a blocking check of residue finds something "
                f"in {stopped} ({stopped / texts:.2%}; the goal is at most {MAX_FALSE:.1%})."
            )

    def _records(self, folder: str, most: int) -> Iterator[tuple[str, RecordDict]]:
        try:
            with open_source(folder) as source:
                rows = (row for row in MarkdownReader(source).rows() if row.record is not None)
                for row in islice(rows, most):
                    yield row.label, row.record or {}
        except SourceUnreadable as refusal:
            raise CommandError(str(refusal)) from None


def _is_about_words(finding: Finding) -> bool:
    """Return whether a finding stops, and not for a picture's host or place, which every import has."""
    return finding.stops and finding.check.startswith("residue-")


def planted_and_found(count: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """Return ({check: texts with a defect that it should find}, {check: those in which it found something})."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for kind in DEFECTS:
        for number in range(count):
            record, plant = synthesize_planted(seed + number, {kind: 1.0})
            if plant is None:
                continue
            check = found_by(plant)
            planted[check] += 1
            found[check] += check in {finding.check for finding in results(record)[0]}
    return planted, found


def table(planted: Counter[str], found: Counter[str], real: Counter[str], texts: int) -> Iterator[str]:
    """Yield the lines of the table check × planted × found × real texts with a finding."""
    yield f"{'check':<22}{'level':<10}{'planted':>8}{'found':>8}{'in real texts':>18}"
    for check in registered_checks().values():
        level = "blocking" if check.stops else "advice"
        hits = found[check.id] if planted[check.id] else "–"
        share = f"{real[check.id]:,} ({real[check.id] / texts:.2%})" if texts else "–"
        yield f"{check.id:<22}{level:<10}{planted[check.id] or '–':>8}{hits:>8}{share:>18}"
    yield f"{'all':<32}{planted.total():>8}{found.total():>8}"
