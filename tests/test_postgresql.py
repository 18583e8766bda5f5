"""PostgreSQL's tables after the migrations."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import DataError, connection

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


def test_moments_are_read_as_they_were_written(db):
    written = [
        datetime(2026, 5, 18, 9, 30, tzinfo=UTC),
        datetime(2026, 5, 18, 9, 30, 1, 250_000, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    for moment in written:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::timestamptz, NULL::timestamptz", [moment])
            read, nothing = cursor.fetchone()
        assert (read, read.utcoffset(), nothing) == (moment, timedelta(0), None)


def test_a_moment_that_python_does_not_know_is_an_error(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'infinity'::timestamptz")
        with pytest.raises(DataError):
            cursor.fetchone()


def test_a_connection_does_not_keep_what_was_sent_to_it(db):
    tracemalloc.start()
    try:
        with connection.cursor() as cursor:
            for number in range(10):
                cursor.execute("SELECT length(%s)", [f"{number}" * 1_000_000])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 3_000_000
