"""Labels and help texts in plain words. The database stays as it is."""

from django.db import migrations, models

import posts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0028_smaller_files_of_the_sitemap"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="post",
            options={
                "permissions": [
                    ("submit_post", "Can submit a post for review"),
                    ("restore_post", "Can restore an earlier revision"),
                    ("review_post", "Can decide about a post"),
                    ("release_post", "Can release and roll back"),
                    ("withdraw_post", "Can withdraw a post"),
                    ("flag_post", "Can flag a post and clear flags"),
                    ("change_slug", "Can change a post's address"),
                    ("import_posts", "Can import posts and roll imports back"),
                    ("export_posts", "Can export posts"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="revision",
            options={
                "default_permissions": ("view",),
                "ordering": ["-number"],
                "permissions": [("view_history", "Can see earlier revisions")],
            },
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="fingerprint_before",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="The fingerprint before the change.", max_length=64
            ),
        ),
        migrations.AlterField(
            model_name="bulkrow",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("open", "Not checked yet"),
                    ("passes", "Ready"),
                    ("will_refuse", "Will be refused"),
                    ("done", "Done"),
                    ("refused", "Refused"),
                ],
                db_default="open",
                default="open",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="bulkrun",
            name="act",
            field=models.CharField(
                choices=[
                    ("approve", "Approve"),
                    ("edits", "Request changes"),
                    ("reject", "Reject"),
                    ("flag", "Flag"),
                    ("assign", "Assign"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="bulkrun",
            name="reason_code",
            field=models.CharField(
                blank=True,
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
                db_default="",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="bulkrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("preparing", "Checking posts"),
                    ("ready", "Waiting for confirmation"),
                    ("running", "Running"),
                    ("done", "Done"),
                ],
                db_default="preparing",
                default="preparing",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="deskpreference",
            name="keys_off",
            field=models.BooleanField(db_default=False, default=False, help_text="Keyboard shortcuts are off."),
        ),
        migrations.AlterField(
            model_name="importbatch",
            name="rehearsal",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="The result of the last rehearsal."
            ),
        ),
        migrations.AlterField(
            model_name="importbatch",
            name="rollback",
            field=posts.models.fields.OrderedJSONField(
                db_default={}, default=dict, help_text="The progress and the result of a roll-back."
            ),
        ),
        migrations.AlterField(
            model_name="importbatch",
            name="source_bytes",
            field=models.PositiveBigIntegerField(help_text="Its size on the server; null: unknown.", null=True),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="first_line",
            field=models.PositiveBigIntegerField(
                help_text="The line with the same identity, for a duplicate.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="held",
            field=models.BooleanField(
                db_default=False, default=False, help_text="The row was not public at its source."
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="label",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The place, if the line number is not enough.",
                max_length=500,
            ),
        ),
        migrations.AlterField(
            model_name="importissue",
            name="line",
            field=models.PositiveBigIntegerField(help_text="From 1; 0 for a post that a roll-back names."),
        ),
        migrations.AlterField(
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
                    ("overtaken", "Superseded by a later import"),
                    ("rolled_back", "Rolled back with its import"),
                ],
                db_default="",
                default="",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="post",
            name="intro",
            field=models.TextField(
                blank=True, db_default="", help_text="Markdown. The first paragraph is shown larger."
            ),
        ),
        migrations.AlterField(
            model_name="posthold",
            name="reason",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("unpublished", "Not published"),
                    ("scheduled", "Future date"),
                    ("expired", "Expired"),
                    ("private", "Private"),
                    ("members", "For members or paying readers"),
                    ("not_rendered", "Not rendered at its source"),
                    ("hidden", "Hidden"),
                    ("password", "Password-protected"),
                    ("unknown", "Unknown value"),
                    ("unread", "Unread front matter"),
                    ("not_recorded", "Not recorded"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="queueentry",
            name="fingerprint",
            field=models.CharField(help_text="The proposed revision that was ranked.", max_length=64),
        ),
        migrations.AlterField(
            model_name="queueentry",
            name="is_back",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Changes were requested on an earlier revision."
            ),
        ),
        migrations.AlterField(
            model_name="queueentry",
            name="status",
            field=models.CharField(
                choices=[
                    ("drafted", "Drafted"),
                    ("in_review", "In review"),
                    ("changes_requested", "Changes requested"),
                    ("approved", "Approved"),
                    ("rejected", "Rejected"),
                    ("superseded", "Superseded"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="readerreport",
            name="fingerprint",
            field=models.CharField(help_text="The revision that was on the page.", max_length=64),
        ),
        migrations.AlterField(
            model_name="readerreport",
            name="reason",
            field=models.CharField(
                choices=[
                    ("facts", "A fact is wrong"),
                    ("code", "Code does not work"),
                    ("outdated", "It is out of date"),
                    ("image", "An image is wrong or missing"),
                    ("rights", "It uses my work without permission"),
                    ("harm", "It could do harm"),
                    ("other", "Something else"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="release",
            name="kind",
            field=models.CharField(
                choices=[
                    ("released", "Released"),
                    ("rolled_back", "Rolled back"),
                    ("withdrawn", "Withdrawn"),
                    ("undone", "Undone"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("approved", "Approved"),
                    ("approved_in_part", "Approved in part"),
                    ("changes_requested", "Changes requested"),
                    ("rejected", "Rejected"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="reason_code",
            field=models.CharField(
                blank=True,
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
                db_default="",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="seconds_spent",
            field=models.PositiveIntegerField(
                help_text="How long the revision was open before the decision.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="way_back",
            field=posts.models.fields.OrderedJSONField(
                help_text="The state of the post before and after, for undo.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="reviewflag",
            name="fingerprint",
            field=models.CharField(help_text="The proposed revision when the flag was raised.", max_length=64),
        ),
        migrations.AlterField(
            model_name="reviewflag",
            name="reason",
            field=models.CharField(
                choices=[
                    ("staff", "Flagged by staff"),
                    ("source", "The source asks for human review"),
                    ("rule", "Flagged by a check"),
                    ("facts", "Facts look wrong"),
                    ("code", "Code does not work"),
                    ("outdated", "Out of date"),
                    ("rights", "Rights or sources"),
                    ("harm", "Could do harm"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="number",
            field=models.PositiveIntegerField(help_text="1 for the first revision of the post."),
        ),
        migrations.AlterField(
            model_name="revision",
            name="status",
            field=models.CharField(
                choices=[
                    ("drafted", "Drafted"),
                    ("in_review", "In review"),
                    ("changes_requested", "Changes requested"),
                    ("approved", "Approved"),
                    ("rejected", "Rejected"),
                    ("superseded", "Superseded"),
                ],
                db_default="drafted",
                default="drafted",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="scheduledrelease",
            name="kind",
            field=models.CharField(choices=[("release", "Release"), ("withdraw", "Withdraw")], max_length=10),
        ),
        migrations.AlterField(
            model_name="scheduledrelease",
            name="zone",
            field=models.CharField(
                help_text="The time zone in which the time was entered and is shown.", max_length=64
            ),
        ),
        migrations.AlterField(
            model_name="term",
            name="slug",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The slug in the address of its list. It never changes.",
                max_length=200,
            ),
        ),
    ]
