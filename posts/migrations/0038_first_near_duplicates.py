from django.db import migrations

# As posts.related.near_duplicates marks new ones: of all that a post repeats, the earliest.
MARK = """
UPDATE posts_texttwin SET is_first = TRUE
WHERE twin_id < post_id AND NOT EXISTS (
    SELECT 1 FROM posts_texttwin earlier
    WHERE earlier.post_id = posts_texttwin.post_id AND earlier.twin_id < posts_texttwin.twin_id
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0037_keep_one_of_two"),
    ]

    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
