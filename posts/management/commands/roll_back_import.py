import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from posts.importing.interruption import Interrupted, Interruption
from posts.importing.rollback import plan_rollback, roll_back_batch
from posts.management.base import BaseCommand, import_with
from posts.models import ImportBatch
from posts.operations import Refused


class Command(BaseCommand):
    help = (
        "Roll back one import: posts that it created are withdrawn, posts that it updated go back to their previous "
        "revision. Posts that people or later imports have changed since are kept and listed. Nothing is deleted. "
        "Running it again continues where it stopped; a second run changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=int, help="the number of the import")
        parser.add_argument("--dry-run", action="store_true", help="show the numbers and change nothing")
        parser.add_argument("--why", default="", help="recorded with the import and in the audit trail")

    def handle(self, *, batch: int, dry_run: bool, why: str, **options: Any) -> None:
        found = import_with(batch)
        if found.state != ImportBatch.State.ROLLED_BACK:
            plan = plan_rollback(found)
            verb = "Would withdraw" if dry_run else "Withdraws"
            self.stdout.write(
                f"{verb} {plan.withdraws:,} created posts, sets {plan.sets_back:,} "
                f"back to the previous revision, keeps {plan.keeps:,} that have changed since. {plan.were_approved:,} "
                f"of them have been approved since: readers see the release before, or none."
            )
        if dry_run:
            return
        try:
            with Interruption() as interruption:
                found = roll_back_batch(
                    found, by=None, why=why, on_chunk=self.show_progress, shield=interruption.shielded
                )
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=75) from None
        except Interrupted as error:
            raise CommandError(f"{error} Run it again to continue.", returncode=error.exit_status) from None
        except (Error, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(f"The roll-back stopped: {reason}. Run it again to continue.", returncode=74) from None
        self.report(found)

    def show_progress(self, batch: ImportBatch) -> None:
        """Show progress on a terminal as one updated line."""
        if sys.stderr.isatty():
            done = batch.rollback["withdrawn"] + batch.rollback["set_back"] + batch.rollback["kept"]
            sys.stderr.write(f"\r{done:,} posts")

    def report(self, batch: ImportBatch) -> None:
        """Print what was done, and the exceptions by name."""
        counts = batch.rollback
        self.stdout.write(
            f"Import {batch.pk} is rolled back: {counts['withdrawn']:,} withdrawn, {counts['set_back']:,} set back, "
            f"{counts['kept']:,} kept, {counts['approved_since']:,} approved since."
        )
        for issue in batch.issues.filter(line=0).select_related("post").iterator(chunk_size=500):
            source_id = issue.post.source_id if issue.post else "a purged post"
            self.stdout.write(f"  {issue.get_kind_display()}: {source_id}: {issue.problems[0][1]}")
