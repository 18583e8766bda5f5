from django.db import migrations

# The planner keeps statistics of this expression, by which it chooses the index review_of_guideline: without them it
# expects a third of all approvals under an older version, and reads all posts.
CREATE = "CREATE STATISTICS IF NOT EXISTS review_guideline_statistics ON (COALESCE(guideline_id, 0)) FROM posts_review"
DROP = "DROP STATISTICS IF EXISTS review_guideline_statistics"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0072_counts_by_day"),
    ]

    operations = [
        migrations.RunPython(create, drop, elidable=False),
    ]
