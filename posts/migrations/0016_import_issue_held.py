"""A refused row records that its source did not publish it, so that fixing it makes nothing public."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("posts", "0015_import_breakdown_and_former_paths")]
    operations = [
        migrations.AddField(
            model_name="importissue",
            name="held",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="What comes of the row when it is mended was not public at its source.",
            ),
        ),
    ]
