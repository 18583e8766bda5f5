import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.importing.interruption import Interrupted, Interruption
from posts.management.base import BaseCommand, import_with
from posts.models import HoldReason
from posts.operations import Refused
from posts.operations.lift_hold import held_by_reason, lift_hold, plan_lift


class Command(BaseCommand):
    help = (
        "Lift one reason for which posts of an import are held. A post without another reason is then shown like "
        "every post that nobody has reviewed. No post is opened to search engines. Without a reason, the command says "
        "how many posts are held, and why. Running it again continues where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=int, help="the number of the import")
        parser.add_argument("reason", nargs="?", choices=HoldReason.values)
        parser.add_argument("--dry-run", action="store_true", help="show the numbers and change nothing")
        parser.add_argument("--why", default="", help="recorded in the audit trail")

    def handle(self, *, batch: int, reason: str | None, dry_run: bool, why: str, **options: Any) -> None:
        found = import_with(batch)
        if reason is None:
            for held, count in held_by_reason(found):
                self.stdout.write(f"{count:,} held: {held.value} ({held.label})")
            return
        plan = plan_lift(found, HoldReason(reason))
        self.stdout.write(
            f"{'Would free' if dry_run else 'Frees'} {plan.frees:,} posts; {plan.stay_held:,} stay held for another "
            f"reason, {plan.were_released:,} because they were released before."
        )
        if dry_run:
            return
        try:
            with Interruption() as interruption:
                freed = lift_hold(
                    found, reason, by=None, why=why, on_chunk=self.show_progress, shield=interruption.shielded
                )
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        except Interrupted as error:
            raise CommandError(f"{error} Run it again to continue.", returncode=error.exit_status) from None
        self.stdout.write(f"{freed:,} posts are no longer held.")

    def show_progress(self, posts: int) -> None:
        """Show progress on a terminal as one updated line."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{posts:,} posts")
