"""Every stack, tool, topic… gets its place in an address; languages and levels become terms too."""

from django.db import migrations, models
from django.db.models import Q

from posts.term_slugs import free_term_slugs

CHUNK = 1000


def name_terms(apps, schema_editor):
    terms = apps.get_model("posts", "Term").objects.using(schema_editor.connection.alias)
    after = 0
    while chunk := list(terms.filter(pk__gt=after, slug="").order_by("pk")[:CHUNK]):

        def taken(pairs):
            found = terms.filter(slug__in={slug for _, slug in pairs}).values_list("kind", "slug")
            return pairs & set(found)

        slugs = free_term_slugs({(term.kind, term.key): term.name for term in chunk}, taken)
        for term in chunk:
            term.slug = slugs[term.kind, term.key]
        terms.bulk_update(chunk, ["slug"], batch_size=200)
        after = chunk[-1].pk


class Migration(migrations.Migration):
    dependencies = [("posts", "0010_undo_and_time_spent")]
    operations = [
        migrations.AddField(
            model_name="term",
            name="slug",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its place in the address of its list; given once, never changed.",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="term",
            name="kind",
            field=models.CharField(
                choices=[
                    ("stack", "Stack"),
                    ("tool", "Tool"),
                    ("topic", "Topic"),
                    ("entity", "Entity"),
                    ("tag", "Tag"),
                    ("language", "Language"),
                    ("code", "Code language"),
                    ("difficulty", "Difficulty"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="term",
            constraint=models.UniqueConstraint(
                condition=~Q(slug=""), fields=("kind", "slug"), name="term_address_once"
            ),
        ),
        # After the index: what names the terms looks addresses up by it.
        migrations.RunPython(name_terms, migrations.RunPython.noop),
    ]
