from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.errors import Refused
from posts.management.base import BaseCommand
from posts.operations.house_style import MOST_BYTES, load_style, rules_of_files


class Command(BaseCommand):
    help = "Load the rules of a style in the form of Vale into the house style, as advice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", help="the folder with the .yml files of a style")

    def handle(self, *, folder: str, **options: Any) -> None:
        root = Path(folder)
        if not root.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        paths = [
            path for path in sorted(root.rglob("*")) if path.suffix.lower() in (".yml", ".yaml") and path.is_file()
        ]
        if sum(path.stat().st_size for path in paths) > MOST_BYTES:
            raise CommandError(f"{folder} has more than {MOST_BYTES:,} bytes of rules.")
        files = {str(Path(root.resolve().name) / path.relative_to(root)): path.read_bytes() for path in paths}
        try:
            done = load_style(rules_of_files(files, style="House"), by=None)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        for name, why in done.unsupported:
            self.stderr.write(f"{name} is not used: {why}")
        self.stdout.write(
            f"{done.created:,} rules added, {done.changed:,} changed, {done.unchanged:,} unchanged, "
            f"{len(done.unsupported):,} not used."
        )
