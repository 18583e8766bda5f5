import logging
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from posts.backup import BackupError, fingerprint_problems, restore_backup, settle_past
from posts.management.base import BaseCommand
from posts.management.commands.audit_indexing import fetch_here, number
from posts.public.index_audit import Scope, audit_indexing

PAGES = 500
# With a fault in all rows, the first ones say which.
MOST_TOLD = 100


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database and verify it. Stop the site and its workers first. Messages that "
        "were waiting are given up, and everybody signs in again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="what `backup` wrote")
        parser.add_argument(
            "--sample",
            type=number,
            metavar="N",
            help="compute the fingerprints of N revisions and ask for the pages of N posts; otherwise all fingerprints "
            f"and the pages of {PAGES} posts",
        )

    def handle(self, *, folder: Path, sample: int | None, **options: Any) -> None:
        try:
            manifest = restore_backup(folder.absolute())
        except BackupError as error:
            raise CommandError(str(error)) from None
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write(f"Version {manifest.version} made the backup. Its tables are migrated to this version.")
            # No process of another version runs beside a restore.
            call_command("migrate", verbosity=0, post_deployment=True)
        restored = settle_past(manifest)
        posts, revisions = (manifest.facts.rows[table] for table in ("posts_post", "posts_revision"))
        self.stdout.write(f"Restored {posts:,} post(s) and {revisions:,} revision(s) of {manifest.taken_at}.")
        self.stdout.write(
            f"{restored.held_messages:,} waiting message(s) given up; {restored.sessions:,} session(s) ended."
        )
        if restored.due_plans:
            self.stdout.write(f"{restored.due_plans:,} planned release(s) are due: the first worker carries them out.")
        for name in manifest.missing:
            self.stderr.write(f"The picture {name} was missing already when the backup was made.")
        if not restored.is_cache_empty:
            self.stderr.write("The shared cache could not be emptied. Empty it before you start the site.")
        self._verify(sample)
        self.stdout.write("Verified. Now start the site and the workers.")

    def _verify(self, sample: int | None) -> None:
        problems = list(islice(fingerprint_problems(sample), MOST_TOLD))
        # A log line for each request would bury the findings.
        logging.disable(logging.WARNING)
        try:
            report = audit_indexing(fetch_here(), Scope(sample=PAGES if sample is None else sample))
        finally:
            logging.disable(logging.NOTSET)
        problems += [f"{address}: {problem}" for address, problem in report.mismatches[:MOST_TOLD]]
        for problem in problems:
            self.stderr.write(f"{problem}.")
        if problems:
            raise CommandError(
                "The backup is restored, but the checks above failed. Read them before you start the site."
            )
