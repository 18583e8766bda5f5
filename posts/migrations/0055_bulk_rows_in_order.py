"""An index for the table of a bulk action: it is read in the order of its rows, a page at a time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0054_figures_of_requests"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="bulkrow",
            index=models.Index(fields=["run", "id"], name="bulk_row_of_run"),
        ),
    ]
