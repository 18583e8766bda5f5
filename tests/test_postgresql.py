"""PostgreSQL as the migrations leave it."""

import pytest
from django.conf import settings
from django.db import connection

from posts.importing.pipeline import import_source
from posts.importing.sources import open_source

pytestmark = pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL")


@pytest.mark.parametrize(
    ("table", "column"),
    [("posts_post", "body"), ("posts_revision", "snapshot"), ("posts_renderedarticle", "html")],
)
def test_long_texts_are_compressed_the_quick_way_where_the_server_can(db, table, column):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        can = cursor.fetchone()[0]
        cursor.execute(
            "SELECT attcompression FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s", [table, column]
        )
        assert cursor.fetchone()[0] == ("l" if can else "")


def test_an_import_leaves_the_connection_as_careful_as_it_was(transactional_db, tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text('{"source_id": "a", "title": "A", "body": "Text."}\n')
    seen = []

    def on_chunk(batch):
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            seen.append(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = local")
    with open_source(str(path)) as source:
        import_source(source, on_chunk=on_chunk)
    on_chunk(None)
    assert seen == ["off", "local"]
    with connection.cursor() as cursor:
        cursor.execute("RESET synchronous_commit")
