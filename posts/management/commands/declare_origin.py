from django.core.management.base import CommandError

from posts.importing.declare_origin import declare_origin
from posts.importing.declaring import origin_argument
from posts.importing.index_switch import follow_batch_switch
from posts.management.base import BaseCommand
from posts.models import ImportBatch, Origin
from posts.models.origin import spoken


class Command(BaseCommand):
    help = "Declare who wrote the posts of an import. This replaces an earlier declaration and changes no approval."

    def add_arguments(self, parser):
        parser.add_argument("batch", type=int, help="the number of the import")
        parser.add_argument("origin", type=origin_argument, help=", ".join(map(spoken, Origin.values)))

    def handle(self, *, batch, origin, **options):
        batch = ImportBatch.objects.filter(pk=batch).first()
        if batch is None:
            raise CommandError("No import has this number.")
        batch = declare_origin(batch, origin, by=None)
        follow_batch_switch(batch)
        self.stdout.write(f"Import {batch.pk}: {batch.get_origin_display().lower()}.")
