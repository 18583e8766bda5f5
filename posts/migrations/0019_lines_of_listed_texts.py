"""What summary lines need of each listed text; until the background fills it in, whole records are used."""

from django.db import migrations

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0018_lz4_for_long_texts"),
    ]

    operations = [
        migrations.AddField(
            model_name="listedtext",
            name="line",
            field=posts.models.fields.OrderedJSONField(help_text="What lines of lists read of the record.", null=True),
        ),
    ]
