from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from posts.backup import BackupError, write_backup
from posts.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Write a backup of the database and of uploaded pictures into a new folder, while the site is in use. "
        "`restore` reads it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="the new folder; its parent must exist")

    def handle(self, *, folder: Path, **options: Any) -> None:
        try:
            manifest = write_backup(folder.absolute())
        except BackupError as error:
            raise CommandError(str(error)) from None
        for name in manifest.missing:
            self.stderr.write(f"The picture {name} is missing or damaged; it is not in the backup.")
        posts, revisions = (manifest.facts.rows[table] for table in ("posts_post", "posts_revision"))
        self.stdout.write(
            f"{folder}: {posts:,} post(s), {revisions:,} revision(s), {len(manifest.pictures):,} picture(s), "
            f"{manifest.database_bytes / 1e6:,.1f} MB of {manifest.engine}."
        )
