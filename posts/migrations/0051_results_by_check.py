"""Which version of each check read a text, and what the findings of each check led to."""

import django.db.models.functions.datetime
from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0050_uploaded_pictures"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckWeight",
            fields=[
                ("check_id", models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name="check")),
                (
                    "decided",
                    models.PositiveIntegerField(help_text="Decisions about texts in which the check found something."),
                ),
                (
                    "turned_down",
                    models.PositiveIntegerField(help_text="Those that rejected the text or requested changes."),
                ),
                (
                    "tenths",
                    models.PositiveSmallIntegerField(
                        help_text="The weight of its findings in tenths; 10 is the usual one."
                    ),
                ),
                ("counted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="checkresult",
            name="versions",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="The key of each check that read the text, by its id."
            ),
        ),
    ]
