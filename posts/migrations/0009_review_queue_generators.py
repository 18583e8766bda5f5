"""Stores the generator of each existing post, from its payload."""

from django.db import migrations

CHUNK = 1000


def name_generators(apps, schema_editor):
    posts = apps.get_model("posts", "Post").objects.using(schema_editor.connection.alias)
    after = 0
    while chunk := list(posts.filter(pk__gt=after).order_by("pk").only("payload")[:CHUNK]):
        named = []
        for post in chunk:
            name = post.payload.get("generator", "")
            post.generator = " ".join(name.split())[:200] if isinstance(name, str) else ""
            if post.generator:
                named.append(post)
        posts.bulk_update(named, ["generator"], batch_size=200)
        after = chunk[-1].pk


class Migration(migrations.Migration):
    dependencies = [("posts", "0008_review_queue")]
    operations = [migrations.RunPython(name_generators, migrations.RunPython.noop)]
