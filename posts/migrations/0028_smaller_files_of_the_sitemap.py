"""An index for the files of the sitemap, which have a thousand posts each.

The index for larger files stays for the previous version.
"""

from django.db import migrations, models
from django.db.models import F


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0027_closed_until_decided"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(F("post") / 1_000, F("changed_at").desc(), name="listed_in_file"),
        ),
    ]
