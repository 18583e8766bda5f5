"""What lines of lists read of each listed text; the background fills it in, and whole records stand in until then. And
an index that leads to the newest change in each file of the sitemap."""

from django.db import migrations, models
from django.db.models import F

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
        migrations.RemoveIndex(
            model_name="listedtext",
            name="listed_changes",
        ),
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(F("post") / 10_000, F("changed_at").desc(), name="listed_files"),
        ),
    ]
