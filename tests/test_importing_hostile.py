"""Bad and hostile rows between ten good ones on each side: the twenty come in, the bad one is listed."""

import json

import pytest

from posts.importing.pipeline import import_source
from posts.importing.sources import open_source
from posts.models import ImportIssue, Post
from tests.factories import RecordFactory, import_records
from tests.torture.kills import lines_of, rich_record

pytestmark = pytest.mark.django_db

MEMORY_MB = 200


def bare(**values):
    return json.dumps({"source_id": "bad", "title": "T", "body": "B"} | values)


def raw(text):
    """Return a record with `text` in place of a value, as no JSON library would write it."""
    return '{"source_id": "bad", "title": "T", "body": "B", "payload": ' + text + "}"


# name → (the line as bytes, JSON Pointer of the refusal, part of the reason)
REFUSED = {
    "10,000 nested arrays": (raw('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}"), "", "is not JSON"),
    "100,000 nested arrays": ("[" * 100_000 + "]" * 100_000, "", "is not JSON"),
    "17 levels": (raw('{"a": ' * 16 + "1" + "}" * 16), None, "nested more than 16"),
    "a number of 10,000 digits": (raw('{"a": ' + "9" * 10_000 + "}"), None, None),
    "NaN": (raw('{"a": NaN}'), None, None),
    "Infinity": (raw('{"a": -Infinity}'), None, None),
    "1e400": (raw('{"a": 1e400}'), None, None),
    "UTF-16": (bare().encode("utf-16"), "", "is not JSON"),
    "invalid UTF-8": (bare().encode().replace(b'"T"', b'"\xff\xfe"'), "", "is not JSON"),
    "a byte order mark in the middle": (b"\xef\xbb\xbf" + bare().encode(), "", "is not JSON"),
    "half a surrogate pair": (bare().replace('"T"', '"\\ud800"'), None, None),
    "NUL": (bare(title="a\x00b"), "/title", "NUL"),
    "NUL in a key": (raw('{"a\\u0000": 1}'), None, "NUL"),
    "an empty identity": (bare(source_id=""), "/source_id", "is empty"),
    "an identity of 300 characters": (bare(source_id="x" * 300), "/source_id", "200"),
    "an identity with a line end": (bare(source_id="a\nb"), "/source_id", "control characters"),
    "a score of 840": (bare(score={"quality": 840}), "/score/quality", "from 0 to 100"),
    "a whole number of 65 bits": (raw('{"a": 36893488147419103232}'), "/payload/a", "64 bits"),
    "51 images": (bare(image_sources=[{"url": "https://a.example/x"}] * 51), "/image_sources", "at most 50"),
    "an image that is script": (bare(image_sources=[{"url": "javascript:alert(1)"}]), "/image_sources/0/url", "http"),
    "not an object": ("[1, 2]", "", "not a record"),
    "not valid JSON": ("{'source_id': 'bad'}", "", "is not JSON"),
    "two values for one key": (bare()[:-1] + ', "title": "Other"}', "", "the key “title” twice"),
    "two values for a key inside": (raw('{"a": {"b": 1, "b": 2}}'), "", "the key “b” twice"),
    "a record over the limit": (bare(body="x" * 1024 * 1024), "", "1,048,576"),
}
TAKEN = {
    "bidi overrides": bare(title="a\u202eb"),
    "U+FFFF": bare(title="a\uffffb"),
    "150,000 combining marks": bare(body="a" + "\u0301" * 150_000),
    "every key twice, with the same value": bare()[:-1] + ", " + bare()[1:],
    "a record at the limit": bare(body="x" * (1024 * 1024 - len(bare()))),
    "the other identity first, with escapes": bare(source_id="b\u00e4d"),
    "markup": bare(title="<script>alert(1)</script>", body="<div>" * 1000),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_row_is_refused_with_place_and_reason_and_stops_nothing(name, tmp_path):
    line, pointer, reason = REFUSED[name]
    import_around(line if isinstance(line, bytes) else line.encode(), tmp_path)
    assert Post.objects.count() == 20
    issue = ImportIssue.objects.get()
    assert (issue.kind, issue.line) == ("refused", 11)
    assert pointer is None or issue.problems[0][0] == pointer
    assert reason is None or reason in issue.problems[0][1]
    assert issue.problems[0][1] and "Error" not in issue.problems[0][1]


@pytest.mark.parametrize("name", TAKEN)
def test_an_odd_row_that_is_a_record_comes_in_and_comes_in_once(name, tmp_path):
    import_around(TAKEN[name].encode(), tmp_path)
    assert (Post.objects.count(), ImportIssue.objects.count()) == (21, 0)
    batch = import_around(TAKEN[name].encode(), tmp_path)
    assert (batch.unchanged, batch.created) == (21, 0)


def import_around(line, tmp_path):
    good = [lines_of([rich_record(number)]).encode() for number in range(20)]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(good[:10]) + line.replace(b"\n", b" ") + b"\n" + b"".join(good[10:]))
    with open_source(str(path)) as source:
        return import_source(source, restart=True)


def test_a_line_of_a_hundred_megabytes_costs_a_process_neither_time_nor_memory(sites, tmp_path):
    path = tmp_path / "huge.jsonl"
    with open(path, "w") as file:
        file.write(lines_of(rich_record(number) for number in range(10)))
        for _ in range(100):
            file.write("x" * (1 << 20))
        file.write("\n" + lines_of(rich_record(number) for number in range(10, 20)))
    site = sites.new()
    measured = tmp_path / "memory"
    done = site.run("import_posts", path, driver=["--memory", str(measured)])
    assert done.returncode == 1 and "line 11: refused: The row is a line of 104,857,6" in done.stderr
    assert site.ask("SELECT count(*) FROM posts_post") == [(20,)]
    assert int(measured.read_text()) < MEMORY_MB


# Every field of the models, and what somebody might try.
PRIVILEGED = {
    **{field.attname: 1 for field in Post._meta.concrete_fields if field.attname not in RecordFactory()},
    "__class__": "Post",
    "review_state": "approved",
    "is_superuser": True,
    "noindex": False,
    "indexable": True,
    "status": "approved",
    "author_id": 1,
    "live_revision": {"id": 1},
    "revision": {"status": "approved", "version": "9.9.9", "last_reviewed": "2026-01-01"},
}


def test_a_record_sets_no_column_that_the_schema_does_not_name():
    given = {key: value for key, value in PRIVILEGED.items() if key not in SCHEMA_COLUMNS}
    plain = RecordFactory(source_id="plain", title="Plain", slug="plain")
    import_records(plain, {**plain, "source_id": "hostile", "slug": "hostile", **given})
    one, other = (Post.objects.filter(source_id=source_id).values().get() for source_id in ("plain", "hostile"))
    theirs = {"id", "source_id", "slug", "head_revision_id", "extra", "import_fingerprint", "import_line_hash"}
    # A record can hold itself (“status: approved” is an unknown status), and nothing more.
    assert {key for key in one if one[key] != other[key]} == theirs | {"claimed_revision", "held"}
    assert Post.objects.get(source_id="hostile").held
    post = Post.objects.get(source_id="hostile")
    assert post.extra["live_revision_id"] == 1 and post.extra["is_superuser"] is True
    assert (post.head_revision.status, post.head_revision.author, post.is_indexable) == ("drafted", None, False)


# Columns that are keys of the schema too, with a type of their own.
SCHEMA_COLUMNS = {
    "reading_time", "view_count", "score", "flags", "entities", "payload", "notes", "published_on", "authors", "tags",
    "language", "ai_outline", "ai_brief", "code_language", "difficulty", "reference", "source_id", "slug",
}  # fmt: skip
