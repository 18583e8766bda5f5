"""Versions of the review guideline, and which one a decision answered. Earlier decisions answered none."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0039_remarks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="answers",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="Answers by the keys of points."
            ),
        ),
        migrations.CreateModel(
            name="ReviewGuideline",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                (
                    "note",
                    models.CharField(blank=True, db_default="", help_text="What changed, and why.", max_length=500),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="GuidelinePoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(db_index=False, max_length=40)),
                ("position", models.PositiveSmallIntegerField()),
                ("text", models.CharField(max_length=300)),
                ("help_text", models.CharField(blank=True, db_default="", max_length=1000, verbose_name="help")),
                ("is_required", models.BooleanField(db_default=True, default=True, verbose_name="required")),
                (
                    "reason_code",
                    models.CharField(
                        choices=[
                            ("", "–"),
                            ("facts", "Facts are wrong or unproven"),
                            ("code", "Code does not work"),
                            ("claims", "Claims contradict the text"),
                            ("images", "Images or their sources"),
                            ("repeats", "Near-duplicate of another post"),
                            ("language", "Language or structure"),
                            ("harm", "Could do harm"),
                            ("other", "Something else"),
                        ],
                        max_length=20,
                    ),
                ),
                ("stacks", posts.models.fields.OrderedJSONField(blank=True, db_default=[], default=list)),
                ("kinds", posts.models.fields.OrderedJSONField(blank=True, db_default=[], default=list)),
                ("generators", posts.models.fields.OrderedJSONField(blank=True, db_default=[], default=list)),
                (
                    "guideline",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="points",
                        to="posts.reviewguideline",
                    ),
                ),
            ],
            options={
                "ordering": ["guideline", "position"],
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="review",
            name="guideline",
            field=models.ForeignKey(
                help_text="The version that the answers are about; none if no point was answered.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviews",
                to="posts.reviewguideline",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(condition=models.Q(("guideline__isnull", False)), fields=["id"], name="review_answered"),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("guideline__isnull", True), ("is_bulk", False), _connector="OR"),
                name="review_in_bulk_answers_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="guidelinepoint",
            constraint=models.UniqueConstraint(fields=("guideline", "key"), name="guideline_key_once"),
        ),
        migrations.AddConstraint(
            model_name="guidelinepoint",
            constraint=models.UniqueConstraint(fields=("guideline", "position"), name="guideline_position_once"),
        ),
    ]
