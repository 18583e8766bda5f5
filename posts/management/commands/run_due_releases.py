from typing import Any

from django.core.management.base import CommandError

from posts.management.base import BaseCommand
from posts.models import ScheduledRelease
from posts.operations import run_due


class Command(BaseCommand):
    help = "Run the planned releases and withdrawals that are due. Safe to run at any time."

    def handle(self, **options: Any) -> None:
        plans = run_due()
        refused = 0
        for plan in plans:
            if plan.state == ScheduledRelease.State.REFUSED:
                refused += 1
                self.stderr.write(f"{plan.post.source_id}: {plan.what}: {plan.refusal}")
            else:
                self.stdout.write(f"{plan.post.source_id}: {plan.what}: done")
        if not plans:
            self.stdout.write("Nothing was due.")
        if refused:
            raise CommandError(f"{refused} plan(s) were refused; the log of each post says why.")
