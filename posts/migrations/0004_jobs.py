"""The tables of background jobs, and who may see jobs and start them again."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

STAFF = ["view_job", "view_jobrun", "run_job"]


def give_rights(apps, schema_editor):
    config = apps.get_app_config("posts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    rights = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="posts", codename__in=STAFF)
    apps.get_model("auth", "Group").objects.get(name="Staff").permissions.add(*rights)


def take_rights(apps, schema_editor):
    apps.get_model("auth", "Permission").objects.filter(content_type__app_label="posts", codename__in=STAFF).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("django_tasks_database", "0021_conditional_partial_index_ordering"),
        ("posts", "0003_import_checkpoints_and_resolutions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("next_run_at", models.DateTimeField(null=True)),
                ("first_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_success_at", models.DateTimeField(null=True)),
                ("last_failure_at", models.DateTimeField(null=True)),
                ("last_failure", models.CharField(blank=True, db_default="", max_length=500)),
            ],
            options={
                "ordering": ["name"],
                "permissions": [("run_job", "Can start background jobs again")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="JobWorker",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["started_at"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="JobRun",
            fields=[
                (
                    "task",
                    models.OneToOneField(
                        db_column="id",
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="run",
                        serialize=False,
                        to="django_tasks_database.dbtaskresult",
                    ),
                ),
                ("job_name", models.CharField(max_length=60)),
                ("key", models.CharField(blank=True, db_default="", max_length=200)),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempt", models.PositiveIntegerField(db_default=0, default=0)),
                ("failures", models.PositiveIntegerField(db_default=0, default=0)),
                ("losses", models.PositiveIntegerField(db_default=0, default=0)),
                ("worker", models.CharField(blank=True, db_default="", max_length=100)),
                ("leased_until", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, db_default="", max_length=500)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-requested_at", "-pk"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["-requested_at", "-task"], name="job_run_newest"),
                    models.Index(fields=["job_name", "-requested_at"], name="job_run_of_job"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None), models.Q(("key", ""), _negated=True)),
                        fields=("job_name", "key"),
                        name="job_run_one_open_per_key",
                    )
                ],
            },
        ),
        migrations.RunPython(give_rights, take_rights),
    ]
