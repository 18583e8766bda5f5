"""The claims of a record at its approval.

Earlier approvals store none: readers see the claims of the approved text's snapshot.
"""

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
