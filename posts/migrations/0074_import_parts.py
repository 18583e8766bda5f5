from django.db import migrations

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0073_statistics_of_guidelines"),
    ]

    operations = [
        migrations.AddField(
            model_name="importbatch",
            name="parts",
            field=posts.models.fields.OrderedJSONField(
                db_default={},
                default=dict,
                help_text="Of a split file: chunks that are written, and beyond the checkpoint.",
            ),
        ),
    ]
