"""Counts of an import by kind and reason, and addresses of other sites that redirect to a post."""

from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [("posts", "0014_neighbours")]
    operations = [
        migrations.AddField(
            model_name="importbatch",
            name="breakdown",
            field=posts.models.fields.OrderedJSONField(
                db_default={},
                default=dict,
                help_text="Kind → count → rows; refusals and warnings: reason → rows.",
            ),
        ),
        migrations.AlterField(
            model_name="formerslug",
            name="slug",
            field=models.CharField(max_length=500, unique=True),
        ),
    ]
