"""What lines of lists read of each listed text; the background fills it in, and whole records stand in until then. And
indexes that lead to the files of the sitemap and to the imports that are closed."""

from django.db import migrations, models
from django.db.models import F, Q

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
        migrations.AddIndex(
            model_name="term",
            index=models.Index(fields=["id"], condition=Q(listed_count__gte=3) & ~Q(slug=""), name="term_indexable"),
        ),
        migrations.AddIndex(
            model_name="importbatch",
            index=models.Index(fields=["id"], condition=Q(index_open=False), name="import_closed"),
        ),
    ]
