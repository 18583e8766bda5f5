"""A text that returns after its import was rolled back stays closed until a new individual decision."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0026_sources_and_authors"),
    ]

    operations = [
        migrations.AddField(
            model_name="post",
            name="closed_until_decided",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="despite_rollback",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Who planned this knew that the import of the text was rolled back.",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(condition=models.Q(("is_bulk", True)), fields=["id"], name="review_bulk"),
        ),
    ]
