import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from posts.audit.chain import Head, Verification, head_of_chain, note_verification, seal_entries
from posts.audit.heads import heads_in, parse_head
from posts.management.base import BaseCommand


def head(text: str) -> Head:
    """Return the Head that an argument names."""
    try:
        return parse_head(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = (
        "Compare every entry of the audit trail with its chain. Names each entry that was changed, removed, inserted "
        "or put in another order, and ends with an error if there is one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=head,
            metavar="NUMBER:DIGEST",
            help="a head of the chain that you kept elsewhere; may be given several times",
        )
        parser.add_argument(
            "--heads",
            metavar="FILE",
            help="a file of such heads (AUDIT_HEAD_FILE, if that is set and this is not given)",
        )

    def handle(self, *, head: list[Head], heads: str | None, **options: Any) -> None:
        seal_entries()
        verification = Verification(heads=chain(head, self._kept_heads(heads)))
        end, count = head_of_chain(), 0
        for count, problem in enumerate(verification.problems(), 1):  # noqa: B007 (used behind the loop)
            self.stderr.write(f"{problem}.")
        note_verification(end.sequence if end else 0, count)
        if count:
            raise CommandError(f"{count:,} fault(s) in {verification.entries:,} entries.")
        where = f"; the head is {end.sequence}:{end.digest}" if end else ""
        self.stdout.write(f"{verification.entries:,} entries agree with their chain{where}.")

    def _kept_heads(self, named: str | None) -> Iterator[Head]:
        file = Path(named or settings.AUDIT_HEAD_FILE or "")
        if not named and not (settings.AUDIT_HEAD_FILE and file.exists()):
            return
        try:
            yield from heads_in(file)
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
