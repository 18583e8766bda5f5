"""Load the names of a registry's packages, with which the check of package names compares texts."""

import sys
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from posts.content_checks.package_names import load_package_names
from posts.management.base import BaseCommand
from posts.models import PackageList


class Command(BaseCommand):
    help = "Load a list of package names, one a line. It replaces the list of the same registry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("registry", choices=PackageList.Registry.values)
        parser.add_argument("file", help="a text file; - reads standard input")
        parser.add_argument(
            "--dated", type=date.fromisoformat, default=None, metavar="YYYY-MM-DD",
            help="the day on which the registry had these packages; today by default",
        )  # fmt: skip

    def handle(self, *args: Any, registry: str, file: str, dated: date | None, **options: Any) -> None:
        try:
            with open(sys.stdin.fileno() if file == "-" else file, encoding="utf-8", errors="replace") as lines:
                made = load_package_names(registry, lines, dated=dated or date.today())
        except OSError as error:
            raise CommandError(f"{file} can’t be read: {error.strerror}.") from error
        self.stdout.write(
            f"{made.count:,} names of {made.get_registry_display()}, dated {made.dated:%Y-%m-%d}. "
            "A background job compares all texts with them."
        )
