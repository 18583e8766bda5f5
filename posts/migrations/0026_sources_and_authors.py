"""The import of each listed text, and lists of authors; the background fills both in for older posts."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0025_reasons_for_holding"),
    ]

    operations = [
        migrations.AddField(
            model_name="listedtext",
            name="source_batch",
            field=models.ForeignKey(
                help_text="The import whose text it is; null: none.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="posts.importbatch",
            ),
        ),
        migrations.AlterField(
            model_name="term",
            name="kind",
            field=models.CharField(
                choices=[
                    ("stack", "Stack"),
                    ("tool", "Tool"),
                    ("topic", "Topic"),
                    ("entity", "Entity"),
                    ("tag", "Tag"),
                    ("language", "Language"),
                    ("code", "Code language"),
                    ("difficulty", "Difficulty"),
                    ("author", "Author"),
                ],
                max_length=10,
            ),
        ),
    ]
