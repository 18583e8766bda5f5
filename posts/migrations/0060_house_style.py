"""Rules of the house style, and the posts to which a rule does not apply."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0059_package_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StyleRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="The style and the rule, such as House.Terms. It stands beside findings.",
                        max_length=120,
                        unique=True,
                    ),
                ),
                (
                    "source",
                    models.TextField(
                        help_text="YAML in one of the forms of Vale, with “extends” and “message” in it.",
                        verbose_name="rule",
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[("advice", "Advice"), ("required", "Required: prevents an approval")],
                        db_default="advice",
                        default="advice",
                        max_length=10,
                    ),
                ),
                ("is_on", models.BooleanField(db_default=True, default=True, verbose_name="in use")),
                ("stacks", posts.models.fields.OrderedJSONField(blank=True, db_default=[], default=list)),
                ("languages", posts.models.fields.OrderedJSONField(blank=True, db_default=[], default=list)),
                ("problem", models.CharField(blank=True, db_default="", default="", editable=False, max_length=500)),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("fixed", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("left", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("suppressed", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                (
                    "changed_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "style rule",
                "ordering": ["name"],
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="StyleException",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=500)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="style_exceptions", to="posts.post"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="style_exceptions",
                        to="posts.stylerule",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("post", "rule"), name="style_exception_once")],
            },
        ),
    ]
