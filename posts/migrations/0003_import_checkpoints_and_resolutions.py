import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import posts.models.fields


def compress_with_lz4(apps, schema_editor):
    """Compress long texts with LZ4 if the server has it: PostgreSQL's own method slows imports by a quarter."""
    if schema_editor.connection.vendor != "postgresql" or schema_editor.connection.pg_version < 140000:
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        if not cursor.fetchone()[0]:
            return
    for table, column in LONG_TEXTS:
        schema_editor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET COMPRESSION lz4')


def give_rights(apps, schema_editor):
    """Let editors and reviewers see imports and their rows: they settle conflicts."""
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="posts", codename__in=["view_importbatch", "view_importissue"]
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=["Editors", "Reviewers"]):
        group.permissions.add(*permissions)


LONG_TEXTS = [
    ("posts_revision", "snapshot"),
    ("posts_post", "intro"),
    ("posts_post", "body"),
    ("posts_post", "payload"),
    ("posts_importissue", "raw"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0002_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="importbatch",
            options={"default_permissions": ("view",), "ordering": ["-pk"], "verbose_name_plural": "import batches"},
        ),
        migrations.AddField(
            model_name="importbatch",
            name="attempt_at",
            field=models.DateTimeField(help_text="When the latest attempt began.", null=True),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="attempts",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="bytes_read",
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text="Of source_bytes."),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="checkpoint_offset",
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text="Bytes, unpacked."),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="checkpoint_sha256",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="message",
            field=models.TextField(blank=True, db_default="", default="", help_text="Why it stopped."),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="progress_at",
            field=models.DateTimeField(help_text="When the checkpoint moved last.", null=True),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="rehearsal",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="What a rehearsal foresaw."
            ),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="rollback",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="How far a roll-back is and what it did."
            ),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="runner",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Host and process.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="seconds",
            field=models.FloatField(db_default=0, default=0, help_text="Time at work, over all attempts."),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="skip_reasons",
            field=posts.models.fields.OrderedJSONField(db_default={}, default=dict, help_text="Reason → rows."),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="skipped",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="source_bytes",
            field=models.PositiveBigIntegerField(help_text="Its size as it lies there; null: not known.", null=True),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="source_path",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The file on the server; empty: a stream.",
                max_length=4096,
            ),
        ),
        migrations.AddField(
            model_name="importbatch",
            name="stop_requested",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="importissue",
            name="fingerprint",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="importissue",
            name="is_cut",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Only the beginning of the row was kept."
            ),
        ),
        migrations.AddField(
            model_name="importissue",
            name="label",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Where, if a line says too little.", max_length=500
            ),
        ),
        migrations.AddField(
            model_name="importissue",
            name="line_hash",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="importissue",
            name="resolution",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Open"),
                    ("repaired", "Repaired"),
                    ("left_out", "Left out"),
                    ("taken", "Taken"),
                    ("merged", "Merged"),
                    ("dismissed", "Dismissed"),
                    ("overtaken", "Overtaken by a later import"),
                    ("rolled_back", "Rolled back with its import"),
                ],
                db_default="",
                default="",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="importissue",
            name="resolved_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importissue",
            name="resolved_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AlterField(
            model_name="checklistitem",
            name="post",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="checklist_items",
                to="posts.post",
            ),
        ),
        migrations.AlterField(
            model_name="imagesource",
            name="post",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="images", to="posts.post"
            ),
        ),
        migrations.AlterField(
            model_name="importbatch",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("stopped", "Stopped"),
                    ("finished", "Finished"),
                    ("rolling_back", "Being rolled back"),
                    ("rolled_back", "Rolled back"),
                ],
                db_default="running",
                default="running",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="issues",
                to="posts.importbatch",
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="kind",
            field=models.CharField(
                choices=[
                    ("refused", "Refused"),
                    ("duplicate", "Duplicate"),
                    ("conflict", "Conflict"),
                    ("kept", "Kept at roll-back"),
                    ("set_back", "Approved since, set back"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="line",
            field=models.PositiveBigIntegerField(help_text="From 1; 0 for a post that a roll-back speaks of."),
        ),
        migrations.AlterField(
            model_name="revision",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="revisions",
                to="posts.importbatch",
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="post",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="posts.post"
            ),
        ),
        migrations.AddIndex(
            model_name="importissue",
            index=models.Index(
                condition=models.Q(("kind", "conflict"), ("resolution", "")),
                fields=["-id"],
                name="import_conflict_open",
            ),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(
                condition=models.Q(("batch__isnull", False)), fields=["batch", "id"], name="revision_of_batch"
            ),
        ),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
        migrations.RunPython(compress_with_lz4, migrations.RunPython.noop),
    ]
