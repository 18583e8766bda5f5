"""Indexes for the files of the sitemap and for closed imports.

They are in a migration of their own, so that readers don't wait while they are built.
"""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0019_lines_of_listed_texts"),
    ]

    operations = [
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
