from typing import Any

from django.core.management.base import CommandParser

from posts.importing.declare_origin import declare_origin
from posts.importing.declaring import origin_argument
from posts.importing.index_switch import follow_batch_switch
from posts.management.base import BaseCommand, import_with
from posts.models import Origin
from posts.models.origin import spoken


class Command(BaseCommand):
    help = "Declare who wrote the posts of an import. This replaces an earlier declaration and changes no approval."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=int, help="the number of the import")
        parser.add_argument("origin", type=origin_argument, help=", ".join(map(spoken, Origin.values)))

    def handle(self, *, batch: int, origin: Origin, **options: Any) -> None:
        found = import_with(batch)
        found = declare_origin(found, origin, by=None)
        follow_batch_switch(found)
        self.stdout.write(f"Import {found.pk}: {found.get_origin_display().lower()}.")
