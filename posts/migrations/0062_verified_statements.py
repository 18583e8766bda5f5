"""What a reviewer verified of the statements of a text, kept with the decision."""

from django.db import migrations

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0061_house_style_in_groups"),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="statements",
            field=posts.models.fields.OrderedJSONField(
                db_default=[],
                default=list,
                help_text="What the reviewer verified: kind, words, and whether a source stood beside it.",
                verbose_name="verified statements",
            ),
        ),
    ]
