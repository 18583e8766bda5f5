"""Search documents of listed texts for each engine, rows for lists, and statistics about the site."""

import django.db.models.deletion
from django.db import migrations, models

import posts.models.fields

# No rows of models: each engine finds words its own way. posts/search writes and reads them.
TABLES = {
    "sqlite": [
        "CREATE VIRTUAL TABLE posts_search USING fts5"
        "(title, terms, summary, body, facets, tokenize = \"ascii tokenchars '+#'\")"
    ],
    "postgresql": [
        "CREATE TABLE posts_search (id bigint PRIMARY KEY, head tsvector NOT NULL, words tsvector NOT NULL)",
        "CREATE INDEX posts_search_head ON posts_search USING gin (head)",
        "CREATE INDEX posts_search_words ON posts_search USING gin (words)",
    ],
}


def make_tables(apps, schema_editor):
    for statement in TABLES[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_tables(apps, schema_editor):
    schema_editor.execute("DROP TABLE posts_search")


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0011_addresses_of_terms"),
    ]

    operations = [
        migrations.RunPython(make_tables, drop_tables),
        migrations.CreateModel(
            name="ListedText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("published_at", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField()),
                ("generator", models.CharField(blank=True, db_default="", default="", max_length=200)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SiteFigure",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("value", posts.models.fields.OrderedJSONField(db_default={}, default=dict)),
                ("counted_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SpellingKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("word", models.CharField(max_length=40)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="post",
            index=models.Index(
                condition=models.Q(("withdrawn_at__isnull", False)), fields=["withdrawn_at"], name="post_withdrawn"
            ),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(
                condition=models.Q(("status__in", ["changes_requested", "rejected"])),
                fields=["status", "id"],
                name="revision_sent_back",
            ),
        ),
        migrations.AddField(
            model_name="listedtext",
            name="post",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="listed_text", to="posts.post"
            ),
        ),
        migrations.AddField(
            model_name="listedtext",
            name="revision",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="posts.revision"
            ),
        ),
        migrations.AddConstraint(
            model_name="spellingkey",
            constraint=models.UniqueConstraint(fields=("key", "word"), name="spelling_key_once"),
        ),
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(fields=["-published_at", "-post"], name="listed_newest"),
        ),
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(fields=["-reviewed_at", "-post"], name="listed_reviewed"),
        ),
        migrations.AddIndex(
            model_name="listedtext",
            index=models.Index(fields=["generator"], name="listed_generator"),
        ),
    ]
