"""PostgreSQL's tables after the migrations."""

import pytest
from django.conf import settings
from django.db import connection

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
