"""Why posts are held. Earlier held posts have no rows: their reasons were not recorded."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0024_approved_in_part"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PostHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("unpublished", "Not published"),
                            ("scheduled", "Date to come"),
                            ("expired", "Expired"),
                            ("private", "Private"),
                            ("members", "For members or paying readers"),
                            ("not_rendered", "No page was made of it"),
                            ("hidden", "Hidden"),
                            ("password", "Behind a password"),
                            ("unknown", "Unknown value"),
                            ("unread", "Front matter that was not read"),
                            ("not_recorded", "Not recorded"),
                        ],
                        max_length=20,
                    ),
                ),
                ("detail", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="importissue",
            name="holds",
            field=posts.models.fields.OrderedJSONField(
                db_default=[], default=list, help_text="Why it is held: pairs of reason and detail."
            ),
        ),
        migrations.AddIndex(
            model_name="post",
            index=models.Index(condition=models.Q(("held", True)), fields=["first_batch"], name="post_held"),
        ),
        migrations.AddField(
            model_name="posthold",
            name="batch",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="posts.importbatch"
            ),
        ),
        migrations.AddField(
            model_name="posthold",
            name="lifted_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="posthold",
            name="post",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="holds", to="posts.post"
            ),
        ),
        migrations.AddIndex(
            model_name="posthold",
            index=models.Index(
                models.F("batch"),
                models.F("reason"),
                models.F("id"),
                condition=models.Q(("lifted_at", None)),
                name="post_hold_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="posthold",
            constraint=models.UniqueConstraint(fields=("post", "reason"), name="post_hold_once"),
        ),
        migrations.AddConstraint(
            model_name="posthold",
            constraint=models.CheckConstraint(
                condition=models.Q(("lifted_by", None), ("lifted_at__isnull", False), _connector="OR"),
                name="post_hold_lifted",
            ),
        ),
    ]
