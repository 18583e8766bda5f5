"""Who wrote the posts of an import. Earlier imports stay "not stated"."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0021_no_index_of_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="importbatch",
            name="origin",
            field=models.CharField(
                choices=[
                    ("trained_model", "A trained model"),
                    ("fixed_algorithm", "A fixed algorithm"),
                    ("people", "People"),
                    ("not_stated", "Not stated"),
                ],
                db_default="not_stated",
                default="not_stated",
                max_length=20,
            ),
        ),
    ]
