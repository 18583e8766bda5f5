from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.jobs.worker import Unready, Worker, WorkerRunsAlready
from posts.management.base import BaseCommand
from posts.monitoring.watch import report_elsewhere

# EX_TEMPFAIL of sysexits.h: the place is taken for now.
TAKEN = 75


class Command(BaseCommand):
    help = "Run background jobs until SIGTERM or Ctrl-C. One worker on SQLite, any number of them on PostgreSQL."
    # The worker itself reports missing migrations; the site checks everything else at its start.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when no job is due, for use with cron")

    def handle(self, *, until_idle: bool, **options: Any) -> None:
        report_elsewhere()
        worker = Worker()
        worker.listen_to_signals()
        try:
            worker.run(until_idle=until_idle)
        except Unready as error:
            raise CommandError(str(error), returncode=TAKEN if isinstance(error, WorkerRunsAlready) else 1) from None
