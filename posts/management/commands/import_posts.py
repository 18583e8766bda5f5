import json
import shlex
import sys
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from posts.db.pooler import pooler_words
from posts.importing.declaring import named_generators, origin_argument
from posts.importing.interruption import Interrupted, Interruption
from posts.importing.mapping import MAX_BYTES as MAX_MAPPING_BYTES
from posts.importing.mapping import Mapping, MappingRefused
from posts.importing.pipeline import ImportStopped, ResumeRefused, SourceBusy, import_source, shortened
from posts.importing.progress import Progress
from posts.importing.readers import READERS
from posts.importing.shards import MOST_SHARDS, CannotSplit, import_in_shards
from posts.importing.sources import SourceUnreadable, open_source
from posts.management.base import BaseCommand
from posts.models import Generator, ImportBatch, ImportIssue, Origin
from posts.models.import_batch import COUNTS
from posts.models.origin import spoken
from posts.records.schema import problem_sentence
from posts.rendering.control_characters import one_line

# Exit codes for scripts. The names are those of BSD's sysexits.h.
REFUSED_ROWS, DATA_CHANGED, NO_INPUT, IO_ERROR, TRY_AGAIN = 1, 65, 66, 74, 75

HELP = """\
Import posts from a file of records, or from the files of another system with --format. Running it again does not change
posts that are already imported. After it was stopped or killed, running it again continues where it stopped.

Exit codes: 0; 1 if a row was refused; 65 if the file changed since the run that would continue; 66 if it can't be read;
74 if the database or a disk failed; 75 if another process is importing this file or the import was asked to stop; 130
or 143 after Ctrl-C or SIGTERM."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a file, gzipped or not; - reads standard input; markdown: also a folder")
        parser.add_argument("--format", choices=sorted(READERS), default="jsonl")
        parser.add_argument(
            "--mapping", metavar="FILE", help="YAML file that says how the source's keys are mapped to fields"
        )
        parser.add_argument(
            "--written-by",
            metavar="ORIGIN",
            type=origin_argument,
            help=f"who wrote the posts: {', '.join(map(spoken, Origin.values))} (the default); shown to readers",
        )
        parser.add_argument("--generator", metavar="NAME", help="the generator that made all of the posts")
        parser.add_argument(
            "--site", default="", metavar="NAME", help="the site that the posts come from, a name or its address"
        )
        parser.add_argument("--dry-run", action="store_true", help="rehearse: show what would happen and write nothing")
        parser.add_argument("--restart", action="store_true", help="start again instead of continuing")
        parser.add_argument("--only-new", action="store_true", help="leave existing posts unchanged")
        parser.add_argument(
            "--shards",
            type=int,
            default=1,
            metavar="N",
            choices=range(1, MOST_SHARDS + 1),
            help=f"split a large file of JSON Lines over N processes, at most {MOST_SHARDS}; needs PostgreSQL",
        )
        parser.add_argument("--max-errors", type=int, metavar="N", help="stop when more than N rows are refused")

    def handle(
        self,
        *,
        file: str,
        format: str,
        mapping: str | None,
        site: str,
        written_by: Origin | None,
        generator: str | None,
        dry_run: bool,
        restart: bool,
        only_new: bool,
        max_errors: int | None,
        shards: int,
        **options: Any,
    ) -> None:
        self.file = file
        read = self.read_mapping(mapping, site)
        maker = self.find_generator(generator)
        try:
            with Interruption() as interruption, open_source(file) as source:
                self.progress = Progress(source, sys.stderr)
                bring_in = partial(import_in_shards, shards=shards) if shards > 1 else import_source
                batch = bring_in(
                    source,
                    format=format,
                    dry_run=dry_run,
                    restart=restart,
                    only_new=only_new,
                    mapping=read,
                    origin=written_by,
                    generator=maker,
                    max_errors=max_errors,
                    on_chunk=self.progress.show,
                    on_issue=self.show_issue,
                    shield=interruption.shielded,
                )
        except (SourceUnreadable, CannotSplit) as error:
            raise CommandError(str(error), returncode=NO_INPUT) from None
        except SourceBusy as error:
            raise CommandError(str(error), returncode=TRY_AGAIN) from None
        except ResumeRefused as error:
            raise CommandError(str(error), returncode=DATA_CHANGED) from None
        except ImportStopped as error:
            status = REFUSED_ROWS if max_errors is not None else TRY_AGAIN
            raise CommandError(f"{error} {self.how_to_go_on()}", returncode=status) from None
        except Interrupted as error:
            raise CommandError(f"{error} {self.how_to_go_on()}", returncode=error.exit_status) from None
        except (Error, OSError) as error:
            reason = pooler_words(error) or str(error).strip().partition("\n")[0] or type(error).__name__
            raise CommandError(f"The import stopped: {reason}. {self.how_to_go_on()}", returncode=IO_ERROR) from None
        self.report(batch, dry_run)

    def find_generator(self, name: str | None) -> Generator | None:
        """Return the Generator with this name; None for none."""
        found = Generator.objects.filter(name=name).first() if name else None
        if name and found is None:
            raise CommandError(
                f"No generator is named {one_line(name)}. Add it in the admin first.", returncode=NO_INPUT
            )
        return found

    def read_mapping(self, path: str | None, site: str) -> Mapping:
        """Return the Mapping of a file ("" or None: none), with the site of the option."""
        try:
            if not path:
                return Mapping().with_site(site)
            with open(path, "rb") as file:
                return Mapping.read(file.read(MAX_MAPPING_BYTES + 1).decode()).with_site(site)
        except (MappingRefused, UnicodeDecodeError) as error:
            raise CommandError(f"{path or '--site'}: {error}", returncode=NO_INPUT) from None
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.", returncode=NO_INPUT) from None

    def how_to_go_on(self) -> str:
        """Return the last sentence after every stop: nothing is half-done, and what to type."""
        if self.file == "-":
            return "All complete chunks are imported. Send the same input again: posts that are in count as unchanged."
        command = f"manage.py import_posts {shlex.quote(self.file)}"
        return (
            f"All complete chunks are imported, nothing is half-written. To continue with the same options: {command}"
        )

    def report(self, batch: ImportBatch, dry_run: bool) -> None:
        """Print the summary; CommandError if a row was refused."""
        self.progress.clear()
        if dry_run:
            self.show_rehearsal(batch)
        counts = ", ".join(f"{getattr(batch, count):,} {count}" for count in COUNTS)
        rate = batch.rows / max(batch.seconds, 0.001)
        head = "Rehearsal, nothing was written" if dry_run else f"Import {batch.pk}"
        self.stdout.write(
            f"{head}: {batch.rows:,} rows read: {counts}. {batch.seconds:.1f} s, {rate:,.0f} rows a second."
        )
        for reason, count in batch.skip_reasons.items():
            self.stdout.write(f"  {count:,} skipped: {one_line(reason)}.")
        self.show_breakdown(batch.breakdown)
        self.show_origin(batch)
        if batch.conflict:
            self.stdout.write("  Resolve the conflicts in the admin, under Imports.")
        if batch.refused:
            kept = "" if dry_run else f" They are stored with import {batch.pk}: manage.py export_refused {batch.pk}"
            raise CommandError(f"{batch.refused:,} row(s) were refused. They are listed above.{kept}")

    def show_breakdown(self, breakdown: dict[str, Any]) -> None:
        """Print the outcome of the rows by kind and reason, and what was held."""
        for reason, count in breakdown.get("refusals", {}).items():
            self.stdout.write(f"  {count:,} refused: {one_line(reason)}")
        for kind, numbers in breakdown.get("kinds", {}).items():
            counts = ", ".join(f"{numbers[count]:,} {count}" for count in COUNTS if count in numbers)
            self.stdout.write(f"  {sum(numbers.values()):,} × {one_line(kind)}: {counts}.")
        for what, count in breakdown.get("left_out", {}).items():
            self.stdout.write(f"  {count:,} {what} not imported; nothing of them is stored.")
        held = breakdown.get("held", {})
        if held:
            self.stdout.write(f"  {sum(held.values()):,} held; readers do not see them until a person releases them:")
        for reasons, count in held.items():
            self.stdout.write(f"    {count:,} × {one_line(reasons)}.")
        if breakdown.get("unknown_values"):
            self.stdout.write("  Unknown values that hold a post. Say in a mapping file what they mean:")
        for value, count in breakdown.get("unknown_values", {}).items():
            self.stdout.write(f"    {one_line(value)}: {count:,}")
        for warning, count in breakdown.get("warnings", {}).items():
            self.stdout.write(f"  {count:,} × {one_line(warning)}.")

    def show_origin(self, batch: ImportBatch) -> None:
        """Print who wrote the posts as declared, and the generators that records name."""
        self.stdout.write(f"  Written by: {Origin(batch.origin).label.lower()}.")
        generators = named_generators(batch.breakdown)
        if generators and batch.origin == Origin.NOT_STATED:
            names = ", ".join(f"{name} ({count:,})" for name, count in generators)
            self.stdout.write(f"  Records name these generators: {names}.")
            self.stdout.write(
                "  If they are right, declare who wrote the posts: --written-by trained-model or fixed-algorithm, or "
                "on the page of the import."
            )
        if batch.unchanged and batch.origin != Origin.NOT_STATED:
            self.stdout.write(
                "  Unchanged posts keep what was declared for the import that brought their content. Change it on the "
                "page of that import."
            )

    def show_rehearsal(self, batch: ImportBatch) -> None:
        """Print the targets of foreign keys, and the first records as they would come in."""
        for line in batch.mapped:
            self.stdout.write(f"mapping: {one_line(line)}")
        for sample in batch.samples:
            held = f"held: {', '.join(sample['held'])}" if sample["held"] else ""
            notes = [note for note in (held, *sample["former_addresses"]) if note]
            place = f"line {sample['line']}" + (f" ({one_line(sample['label'])})" if sample["label"] else "")
            self.stdout.write(f"sample: {place}" + (f" [{one_line(', '.join(notes))}]" if notes else ""))
            self.stdout.write(json.dumps(shortened(sample["record"]), ensure_ascii=False, indent=2))

    def show_issue(self, issue: ImportIssue) -> None:
        self.progress.clear()
        place = f"line {issue.line}" + (f" ({one_line(issue.label)})" if issue.label else "")
        if issue.kind == ImportIssue.Kind.DUPLICATE:
            self.stderr.write(f"{place}: duplicate: line {issue.first_line} already has the same identity.")
        for pointer, reason in issue.problems:
            self.stderr.write(f"{place}: {issue.kind}: {one_line(problem_sentence(pointer, reason))}")
