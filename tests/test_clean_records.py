"""Records that are canonical are read without the functions that make them so, with the same result."""

import json
import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from posts.records.clean import STABLE, clean_record, record_in
from posts.records.schema import FIELDS, RecordRefused, _line, parse_record
from tests.factories import RecordFactory

WHOLE = RecordFactory(
    reference="R-1",
    slug="a-slug",
    intro="First.\n\nSecond line  \nbroken, “quoted” — and → there.",
    body="```python\nif x:\n\treturn 1\n```",
    ai_outline={"context": "Words", "problem": ""},
    score={"quality": 81, "depth": 0.5, "mine": 1e16},
    revision={"status": "drafted", "version": "1.2.0"},
    flags={"has_images": True, "needs_human_review": 0},
    checklist=["One", "Two"],
    entities=[{"name": "Redis", "type": "tool"}, {"name": "Kafka", "type": ""}],
    image_sources=[{"url": "https://img.example/a.jpg", "caption": "", "alt": None, "width": 640, "mine": [None]}],
    payload={"generator": "g", "deep": [{"n": 1.5}]},
    published_on="2024-05-06T23:30:00-07:00",
    notes=[],
    summary=None,
    mine={"kept": ""},
)


def as_read(read, line):
    try:
        record = read(line)
    except RecordRefused as refusal:
        return [str(problem) for problem in refusal.problems]
    # The order of keys and the types of numbers count as well.
    return json.dumps(record)


def of_schema(line):
    return parse_record(line).to_dict()


def test_a_whole_record_is_read_alike_and_needs_no_second_look():
    line = json.dumps(WHOLE).encode()
    assert clean_record(line) == of_schema(line)
    assert as_read(record_in, line) == as_read(of_schema, line)
    assert clean_record(json.dumps(WHOLE | {"intro": "An end. "}).encode()) is None


TEXTS = st.text(
    st.sampled_from("ab \t\n\r\x00\x1f\xa0é\u0301\u200e\u2028\ud800。가\u1100\u1161\u11a8界\u212b\U0001f600")
)
VALUES = st.one_of(
    TEXTS,
    TEXTS.map(lambda text: [text]),
    st.dictionaries(TEXTS | st.sampled_from(["name", "url", "caption", "quality", "version", "has_images"]), TEXTS),
    st.sampled_from([None, 0, 1, True, -1, 2**63, 1.5, "", [], {}, [None], [{}], "https://a.example/b", "2024-05-06"]),
)


@given(st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=4))
@example({"title ": "takes the place of the title"})
@example({"image_sources": [{"url": "https://a.example/b", "url ": "x", "caption": ""}]})
@example({"payload": {"a": {"b": [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}}})
def test_every_record_is_read_alike(changes):
    line = json.dumps({"source_id": "a", "title": "T", "body": "B"} | changes).encode()
    assert as_read(record_in, line) == as_read(of_schema, line)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{", b'{"title": "A", "title": "B", "body": "C", "source_id": "a"}', b"7"]
)
def test_what_is_hardly_a_record_is_read_alike(line):
    assert as_read(record_in, line) == as_read(of_schema, line)


def test_a_stable_character_is_in_normal_form_beside_every_other():
    stable = re.compile("[" + re.sub(r"\\u\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), STABLE) + "]")
    continues = {0x1161 + vowel for vowel in range(21)} | {0x11A7 + end for end in range(28)}
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            continues.add(int(parts[1], 16))
    for code in range(sys.maxunicode + 1):
        if stable.match(sign := chr(code)):
            assert unicodedata.combining(sign) == 0 and code not in continues, f"U+{code:04X}"
            assert _line(sign) == sign and not sign.isspace(), f"U+{code:04X}"
