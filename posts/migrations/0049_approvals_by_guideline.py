"""An index for the posts that were approved under an older guideline. It also has those from before there was one."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0048_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="review",
            name="guideline",
            field=models.ForeignKey(
                db_index=False,
                help_text="The version that the answers are about; none if no point was answered.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviews",
                to="posts.reviewguideline",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce("guideline", 0),
                condition=models.Q(("is_bulk", False), ("outcome", "approved"), ("revoked_at__isnull", True)),
                name="review_of_guideline",
            ),
        ),
    ]
