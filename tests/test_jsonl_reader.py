"""Variants of JSON Lines: lines, a list, commas after records, records over many lines or many on one."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.importing.pipeline import import_posts, import_source
from posts.importing.readers.jsonl import JsonLinesReader
from posts.importing.sources import Source, SourceUnreadable, open_source
from posts.models import ImportIssue, Post
from tests.factories import RecordFactory

RECORDS = [
    RecordFactory(title="A comma, a } and a ]", body='{"a": [1]}, "b"\n\\" and \\'),
    RecordFactory(title="Übersicht", entities=[{"name": "pgx"}, {"name": "make"}]),
    RecordFactory(payload={"deep": [[{"a": []}], {}]}),
]
ONE, TWO, THREE = (json.dumps(record) for record in RECORDS)
FORMS = {
    "a list on one line": f"[{ONE},{TWO},{THREE}]",
    "a list with a record a line": f"[\n{ONE},\n{TWO},\n{THREE}\n]\n",
    "a list with its sign on the line of the first record": f"[{ONE}\n,{TWO}\n,{THREE}]",
    "an indented list": json.dumps(RECORDS, indent=2),
    "a list with a comma too many": f"[{ONE},{TWO},{THREE},\n]",
    "commas behind records": f"{ONE},\n{TWO},\n{THREE},\n",
    "commas and spaces behind records": f"{ONE} ,\r\n{TWO} , \r\n{THREE}",
    "lines that end with CR LF": f"{ONE}\r\n{TWO}\r\n{THREE}\r\n",
    "blank lines": f"\n\n{ONE}\n\n{TWO}\n \n{THREE}\n\n",
    "records over many lines": "\n".join(json.dumps(record, indent=4) for record in RECORDS),
    "records over many lines, the first key on the first": "\n".join(
        json.dumps(record, indent=1).replace("{\n", "{ ", 1) for record in RECORDS
    ),
    "records one behind the other": f"{ONE}{TWO} {THREE}",
    "records on one line with commas": f"{ONE}, {TWO}, {THREE}",
    "two lists": f"[{ONE}]\n[{TWO}, {THREE}]",
    "a JSON text sequence": f"\x1e{ONE}\n\x1e{TWO}\n\x1e{THREE}\n",
}


def rows_of(data):
    return list(JsonLinesReader(Source("posts.json", io.BytesIO(data))).rows())


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("name", FORMS)
def test_each_record_is_a_row_whatever_stands_between_them(name, mark):
    data = mark + FORMS[name].encode()
    rows = rows_of(data)
    assert [json.loads(row.raw) for row in rows] == RECORDS
    assert [row.identity for row in rows] == [record["source_id"] for record in RECORDS]
    numbers = [row.line for row in rows]
    assert numbers == sorted(set(numbers))
    assert JsonLinesReader.looks_like(data[:2000]) or name == "a JSON text sequence"


def test_a_row_is_numbered_by_the_line_where_it_begins():
    assert [row.line for row in rows_of(FORMS["a list with a record a line"].encode())] == [2, 3, 4]
    indented = FORMS["an indented list"]
    begun = [number for number, line in enumerate(indented.split("\n"), 1) if line == "  {"]
    assert [row.line for row in rows_of(indented.encode())] == begun


@pytest.mark.django_db
def test_a_list_comes_in_and_the_same_records_as_lines_change_nothing():
    batch = import_posts(io.BytesIO(FORMS["a list with a record a line"].encode()), name="posts.json")
    assert (batch.created, batch.refused) == (3, 0)
    again = import_posts(io.BytesIO("\n".join([ONE, TWO, THREE]).encode()), name="posts.jsonl")
    assert (again.unchanged, again.created) == (3, 0)


@pytest.mark.django_db
def test_what_is_no_record_in_a_list_is_refused_and_stops_nothing():
    data = f'[{ONE}, 7, null, "text, with [", [1, 2], {{"source_id": 3}}, {TWO}]'
    batch = import_posts(io.BytesIO(data.encode()), name="posts.json")
    assert (batch.created, batch.refused) == (2, 5)
    assert Post.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("end", [2, 40], ids=["behind a record", "inside a record"])
def test_a_list_without_its_end_is_said_to_be_cut_off(end):
    data = f"[{ONE},\n{TWO},\n{THREE}"[: -end + 2 or None]
    import_posts(io.BytesIO(data.encode()), name="posts.json")
    issue = ImportIssue.objects.get()
    assert "has no “]”. The file seems to be cut off" in issue.problems[0][1]


def test_a_record_over_the_limit_in_a_list_is_refused_with_its_size_and_not_held():
    long = json.dumps(RecordFactory(body="x" * 3_000_000))
    first, second, third = rows_of(f"[{ONE},\n{long},\n{THREE}]".encode())
    assert (first.problem, third.problem) == (None, None)
    assert f"is a value of {len(long):,} bytes" in second.problem.message
    assert second.is_cut and len(second.raw) < 5000


def test_utf_16_is_refused_in_one_sentence():
    with pytest.raises(SourceUnreadable, match=r"is UTF-16\. Save it as UTF-8"):
        rows_of(f"{ONE}\n{TWO}\n".encode("utf-16"))


@pytest.mark.django_db
def test_a_stopped_import_of_a_list_goes_on_behind_what_is_in(tmp_path, monkeypatch):
    monkeypatch.setattr("posts.importing.pipeline.CHUNK_ROWS", dict.fromkeys(("sqlite", "postgresql"), 50))
    monkeypatch.setattr("posts.importing.readers.jsonl.READ_BYTES", 5_000)
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([RecordFactory() for _ in range(200)]))

    def stop(batch):
        if batch.rows >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_source(str(path)) as source:
        import_source(source, on_chunk=stop)
    assert Post.objects.count() == 100
    with open_source(str(path)) as source:
        batch = import_source(source)
    assert (batch.created, batch.rows, batch.attempts) == (200, 200, 2)


def test_a_broken_first_line_is_one_refused_row_beside_the_others():
    broken = ONE[:60]
    assert [row.raw.decode() for row in rows_of(f"{broken}\n{TWO}\n{THREE}\n".encode())] == [broken, TWO, THREE]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_JSON, min_size=1, max_size=6), st.sampled_from([None, 1, "\t"]), st.integers(1, 9))
def test_every_list_of_values_is_split_into_its_values_wherever_the_pieces_end(values, indent, size):
    stream = io.BytesIO(json.dumps([{}, *values], indent=indent, ensure_ascii=False).encode())
    read = stream.read
    stream.read = lambda _: read(size)
    stream.readline = lambda _: read(size)
    reader = JsonLinesReader(Source("posts.json", stream))
    assert [json.loads(row.raw) for row in reader.rows()] == [{}, *values]
