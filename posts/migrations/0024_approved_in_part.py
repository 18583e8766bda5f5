"""An approval by one of several reviewers who wrote a text is kept as an approval in part. No column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0023_claims_of_approvals"),
    ]

    operations = [
        migrations.AlterField(
            model_name="review",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("approved", "Approved"),
                    ("approved_in_part", "Approved in part"),
                    ("changes_requested", "Edits asked for"),
                    ("rejected", "Rejected"),
                ],
                max_length=20,
            ),
        ),
    ]
