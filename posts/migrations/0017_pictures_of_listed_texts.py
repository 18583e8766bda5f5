"""The images of each listed text, and its last change, for the sitemap."""

import django.db.models.functions.datetime
from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0016_import_issue_held"),
    ]

    operations = [
        migrations.AddField(
            model_name="listedtext",
            name="changed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), help_text="When what readers see changed last."
            ),
        ),
        migrations.AddField(
            model_name="listedtext",
            name="pictures",
            field=posts.models.fields.OrderedJSONField(
                db_default=[], default=list, help_text="Their addresses, in the order of the record."
            ),
        ),
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(fields=["post", "changed_at"], name="listed_changes"),
        ),
    ]
