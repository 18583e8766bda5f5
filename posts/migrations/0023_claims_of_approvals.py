"""What a record claimed when somebody approved it. Approvals from before this column keep none: readers see the claims
that came with the approved text, which its snapshot has."""

from django.db import migrations

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0022_origin_of_imports"),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="claims",
            field=posts.models.fields.OrderedJSONField(
                help_text="What the record claimed then, where its snapshot says otherwise.", null=True
            ),
        ),
    ]
