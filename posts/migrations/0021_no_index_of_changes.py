"""Removes an index that no page uses; the previous version works without it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0020_indexes_of_files_and_switches"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="listedtext",
            name="listed_changes",
        ),
    ]
