import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0004_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReaderReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("facts", "A fact is wrong"),
                            ("code", "Code does not work"),
                            ("outdated", "It is out of date"),
                            ("image", "A picture is wrong or missing"),
                            ("rights", "It uses my work"),
                            ("harm", "It could do harm"),
                            ("other", "Something else"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, db_default="", max_length=1000)),
                ("fingerprint", models.CharField(help_text="The text that stood on the page.", max_length=64)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("answered_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, db_default="", default="", max_length=500)),
            ],
            options={
                "ordering": ["-pk"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ReportTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("key", models.CharField(max_length=64)),
                ("count", models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ScheduledRelease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("release", "Release"), ("withdraw", "Take down")], max_length=10)),
                ("due_at", models.DateTimeField()),
                (
                    "zone",
                    models.CharField(
                        help_text="The time zone that the moment was typed in and is shown in.", max_length=64
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("cancelled", "Cancelled"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("refusal", models.TextField(blank=True, db_default="", default="")),
                (
                    "ends_withdrawal",
                    models.BooleanField(
                        db_default=False, default=False, help_text="The post was withdrawn when this was planned."
                    ),
                ),
                ("expected_result", models.TextField(blank=True, db_default="", default="")),
                ("rollback_note", models.TextField(blank=True, db_default="", default="")),
                ("why", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-due_at", "-pk"],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="fingerprint_before",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="The text that stood there before.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="request_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="reviewflag",
            name="rule",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Which check raised it.", max_length=60
            ),
        ),
        migrations.AlterField(
            model_name="reviewflag",
            name="reason",
            field=models.CharField(
                choices=[
                    ("staff", "Staff ask for a person"),
                    ("source", "The source asks for a person"),
                    ("rule", "A check found something"),
                    ("facts", "Facts look wrong"),
                    ("code", "Code does not work"),
                    ("outdated", "Out of date"),
                    ("rights", "Rights or sources"),
                    ("harm", "Could do harm"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["action", "-id"], name="audit_by_action"),
        ),
        migrations.AddField(
            model_name="readerreport",
            name="answered_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="readerreport",
            name="post",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reader_reports", to="posts.post"
            ),
        ),
        migrations.AddConstraint(
            model_name="reporttally",
            constraint=models.UniqueConstraint(fields=("day", "key"), name="report_tally_once"),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="after",
            field=models.ForeignKey(
                help_text="The last release when this was planned.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="posts.release",
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="made_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="post",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="scheduled_releases", to="posts.post"
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="release",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="plan", to="posts.release"
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="revision",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="posts.revision"
            ),
        ),
        migrations.AddField(
            model_name="scheduledrelease",
            name="settled_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="readerreport",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", True)), fields=["post", "-id"], name="report_open"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrelease",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["due_at", "id"], name="plan_due"),
        ),
        migrations.AddConstraint(
            model_name="scheduledrelease",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")), fields=("post", "kind"), name="plan_waiting_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrelease",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "withdraw"), ("revision__isnull", True)),
                    models.Q(("kind", "release"), ("revision__isnull", False)),
                    _connector="OR",
                ),
                name="plan_names_its_text",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrelease",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at__isnull", True), ("state", "waiting")),
                    models.Q(models.Q(("state", "waiting"), _negated=True), ("settled_at__isnull", False)),
                    _connector="OR",
                ),
                name="plan_settled_has_date",
            ),
        ),
    ]
