import json

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import to_json

from posts.records.schema import (
    MAX_IMAGES,
    MAX_RECORD_BYTES,
    RecordRefused,
    canonical_bytes,
    fingerprint_of,
    parse_record,
    problem_sentence,
    record_json_schema,
    repeats_a_key,
    validate_record,
)
from tests.factories import RecordFactory


def refusals(**fields):
    with pytest.raises(RecordRefused) as refused:
        parse_record(json.dumps(RecordFactory(**fields)).encode())
    return {problem.pointer: problem.message for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("fields", "pointer", "message"),
    [
        ({"title": "a\x00b"}, "/title", "NUL"),
        ({"notes": ["fine", "a\x00b"]}, "/notes/1", "NUL"),
        ({"title": 7}, "/title", "must be text"),
        ({"title": " "}, "/title", "is empty"),
        ({"body": ""}, "/body", "is empty"),
        ({"score": {"quality": 840}}, "/score/quality", "from 0 to 100"),
        ({"score": {"quality": -1}}, "/score/quality", "from 0 to 100"),
        ({"reading_time": "7"}, "/reading_time", "whole number"),
        ({"flags": {"has_images": 2}}, "/flags/has_images", "1 or 0"),
        ({"stack": "python"}, "/stack", "must be a list"),
        ({"payload": {"a": {"b/c": 10**30}}}, "/payload/a/b~1c", "64 bits"),
        ({"whatever": float("nan")}, "/whatever", "not a finite number"),
        ({"image_sources": [{"url": "data:image/png;base64,AA"}]}, "/image_sources/0/url", "an http or https"),
        ({"source_id": "x" * 201}, "/source_id", "at most 200"),
        ({"slug": "Not A Slug"}, "/slug", "safe-job-retries"),
        ({"published_on": "2026-02-30"}, "/published_on", "YYYY-MM-DD"),
    ],
)
def test_a_refusal_names_the_place_and_says_what_to_write(fields, pointer, message):
    assert message in refusals(**fields)[pointer]


@pytest.mark.parametrize(
    "moment",
    [
        "2024-05-06",
        "2024-05-06T23:30:00-07:00",
        "2024-05-06T23:30Z",
        "2024-05-06 23:30:00.123+02:00",
        "2024-05-06t01:02",
        "2024-05-06 23:30:00 -0700",
    ],
)
def test_a_moment_counts_as_the_day_that_it_is_where_it_was_written(moment):
    assert validate_record(RecordFactory(published_on=moment)).published_on == "2024-05-06"


@pytest.mark.parametrize("text", ["2024-02-30T10:00Z", "2024-05-06T25:00", "2024-05-06T", "20240506", "6 May 2024"])
def test_what_is_no_moment_of_iso_8601_is_no_day(text):
    assert "YYYY-MM-DD" in refusals(published_on=text)["/published_on"]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b'{"source_id": "a", "title": T}', "(character 29)"),
        ('{"source_id": "ä", "title": T}'.encode(), "(character 29)"),
        (b'{\n "source_id": "a",\n "title": T}', "(line 3 of the record, character 11)"),
    ],
)
def test_what_is_no_json_is_named_by_its_character(line, place):
    with pytest.raises(RecordRefused, match="is not JSON") as caught:
        parse_record(line)
    assert place in str(caught.value)
    assert "line 1" not in str(caught.value)


def test_a_key_that_stands_twice_is_refused_unless_both_values_are_equal():
    line = b'{"source_id": "a", "title": "T", "body": "{\\"a\\": 1}", "payload": {"k": [1]%s}, "authors": []}'
    for rest, is_repeated in (b"", False), (b', "k" : [1]', True):
        assert repeats_a_key(line % rest, quotes(line % rest)) is is_repeated
    # A text with a quote that is escaped as a number could make up for the quotes of a key.
    for rest in (b', "k": [2]', b', "k": [2], "q": "\\u0022\\u0022"'):
        with pytest.raises(RecordRefused, match="the key “k” twice, with different values"):
            repeats_a_key(line % rest, quotes(line % rest))


def quotes(line):
    return to_json(parse_record(line).to_dict()).count(b'"')


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.text()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4),
    )
)
@example("\u2028\x7f\x1f\b\f</script>\U0001f600\ud7ff\ue000")
@example({"\U0001f600": 1, "\uffff": 2, "b": 3, "B": 4, "": 5})
@example([1e16, 1e-7, 0.1, -0.0])
@example(2**63 - 1)
def test_the_bytes_of_a_fingerprint_are_those_of_pythons_own_json(value):
    by_python = json.dumps({"payload": value}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical_bytes({"payload": value}) == by_python.encode()


def test_all_problems_of_a_record_are_named_at_once():
    assert set(refusals(title=7, body="", score={"depth": "x"})) == {"/title", "/body", "/score/depth"}


def test_half_a_surrogate_pair_is_refused_from_a_file_and_from_a_form():
    with pytest.raises(RecordRefused, match="not JSON"):
        parse_record(b'{"source_id": "a", "title": "\\ud800", "body": "b"}')
    with pytest.raises(RecordRefused, match="surrogate"):
        validate_record(RecordFactory(title="\ud800"))


@pytest.mark.parametrize(("depth", "fits"), [(14, True), (15, False)])
def test_a_record_may_nest_sixteen_levels_and_no_more(depth, fits):
    nested = "x"
    for _ in range(depth):
        nested = [nested]
    record = RecordFactory(payload={"deep": nested})
    if fits:
        assert validate_record(record).to_dict()["payload"] == {"deep": nested}
    else:
        with pytest.raises(RecordRefused, match="16 levels"):
            validate_record(record)


@pytest.mark.parametrize(("count", "fits"), [(MAX_IMAGES, True), (MAX_IMAGES + 1, False)])
def test_a_record_may_have_fifty_images_and_no_more(count, fits):
    record = RecordFactory(image_sources=[{"url": "https://placehold.co/1200x630/png"}] * count)
    if fits:
        assert len(validate_record(record).to_dict()["image_sources"]) == MAX_IMAGES
    else:
        with pytest.raises(RecordRefused, match="at most 50"):
            validate_record(record)


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (1, False)])
def test_a_record_may_be_one_mebibyte_long_and_no_longer(spare, fits):
    empty = json.dumps({"source_id": "a", "title": "t", "body": ""}).encode()
    line = empty.replace(b'""}', b'"' + b"x" * (MAX_RECORD_BYTES - len(empty) + spare) + b'"}')
    if fits:
        assert len(line) == MAX_RECORD_BYTES and parse_record(line).title == "t"
    else:
        with pytest.raises(RecordRefused, match="bytes long"):
            parse_record(line)


def test_unknown_keys_are_kept_after_the_known_ones():
    record = validate_record(RecordFactory(zebra={"b": 1, "a": None}, score={"fun": "high", "quality": 3})).to_dict()
    assert list(record)[-1] == "zebra"
    assert list(record["zebra"]) == ["b", "a"]
    assert record["score"] == {"quality": 3, "fun": "high"}


def test_text_is_canonical_on_entry_and_keeps_hard_line_breaks():
    body = "one  \r\ntwo \t\r\nthree\t\n\ncafe\u0301 \n"
    assert validate_record(RecordFactory(body=body)).to_dict()["body"] == "one  \ntwo\nthree\n\ncafé"


def test_direction_overrides_are_taken_out_of_titles():
    assert validate_record(RecordFactory(title="safe\u202egnp.exe")).title == "safegnp.exe"


@pytest.mark.parametrize(
    "digest",
    [
        "a9f3",
        "SHA256:" + "A" * 64,
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "under_score-1",
        "f" * 128,
        "",
    ],
)
def test_a_hash_may_be_a_digest(digest):
    assert validate_record(RecordFactory(hash=digest)).to_dict().get("hash", "") == digest
    jsonschema.validate(RecordFactory(hash=digest), record_json_schema())


@pytest.mark.parametrize(
    "words",
    ["BUY PILLS http://evil.example/ 50% OFF now", "a b", " a", "a\u202eb", "é", "<b>", "a.b", "f" * 129, "a\nb", "'"],
)
def test_a_hash_that_is_no_digest_is_refused_in_words(words):
    with pytest.raises(RecordRefused) as refusal:
        validate_record(RecordFactory(hash=words))
    (problem,) = refusal.value.problems
    assert problem.pointer == "/hash"
    assert problem.message.startswith(
        ("must be a digest: only letters, digits and : + / = _ -", "can have at most 128")
    )
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RecordFactory(hash=words), record_json_schema())


@pytest.mark.parametrize(
    "claim", [{"view_count": 5}, {"hash": "abc"}, {"slug": "other"}, {"revision": {"status": "approved"}}]
)
def test_a_claim_changes_no_fingerprint(claim):
    plain = RecordFactory(flags={"has_images": 1})
    claimed = {**plain, **claim, "flags": {"has_images": 1, "needs_human_review": 1}}
    assert fingerprint_of(validate_record(claimed).to_dict()) == fingerprint_of(validate_record(plain).to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Draining workers."},
        {"body": "Other."},
        {"stack": ["backend", "Go services"]},
        {"ai_outline": {"b": "2", "a": "1"}},
        {"notes": ["one"]},
        {"anything": 1},
    ],
)
def test_a_change_of_content_changes_the_fingerprint(change):
    plain = RecordFactory(title="Draining workers", ai_outline={"a": "1", "b": "2"})
    before, after = validate_record(plain).to_dict(), validate_record({**plain, **change}).to_dict()
    assert fingerprint_of(before) != fingerprint_of(after)


def test_an_empty_value_and_a_missing_one_are_the_same_record():
    plain = RecordFactory()
    empty = {**plain, "tags": [], "payload": {}, "topic": plain["topic"], "language": None, "ai_brief": ""}
    assert validate_record(empty).to_dict() == validate_record(plain).to_dict()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc ", max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=5), json_values, max_size=3))
def test_a_canonical_record_reads_back_as_itself(payload):
    record, refusal = None, None
    try:
        record = validate_record({"source_id": "a", "title": "t", "body": "b", "payload": payload}).to_dict()
    except RecordRefused as error:
        refusal = error
    if refusal:
        assert "same text" in str(refusal)
        return
    again = parse_record(json.dumps(record).encode()).to_dict()
    assert again == record
    assert fingerprint_of(again) == fingerprint_of(record)


def test_the_schema_names_every_field_of_the_record():
    schema = record_json_schema()
    assert schema["required"] == ["source_id", "title", "body"]
    assert schema["properties"]["image_sources"]["anyOf"][0]["maxItems"] == MAX_IMAGES


@pytest.mark.parametrize(
    ("pointer", "message", "sentence", "of_all"),
    [
        ("/title", "is missing. Add it.", "title is missing. Add it.", "title is missing. Add it."),
        ("/score/depth", "must be a number.", "score.depth must be a number.", "score.depth must be a number."),
        ("/tools/2", "is empty.", "tools (item 3) is empty.", "tools is empty."),
        (
            "/image_sources/0/url",
            "can't contain spaces.",
            "image_sources.url (item 1) can't contain spaces.",
            "image_sources.url can't contain spaces.",
        ),
        ("/a~1b", "is empty.", "a/b is empty.", "a/b is empty."),
        ("", "is not JSON.", "The row is not JSON.", "The row is not JSON."),
        ("", "The head is open.", "The head is open.", "The head is open."),
        ("/date", "“x” is not a date.", "date: “x” is not a date.", "date: “x” is not a date."),
    ],
)
def test_a_problem_is_said_with_the_field_that_it_is_about(pointer, message, sentence, of_all):
    assert problem_sentence(pointer, message) == sentence
    assert problem_sentence(pointer, message, numbers=False) == of_all


@pytest.mark.parametrize(
    ("changes", "count", "first"),
    [
        ({"tags": [1] * 60}, 60, ("/tags/0", "must be text, in double quotes.")),
        ({"tags": [1] * 300_000}, 300_000, ("/tags/0", "must be text, in double quotes.")),
        ({"entities": [{}] * 200_000}, 200_000, ("/entities/0/name", "is missing. Add it.")),
        (
            {"ai_outline": {str(key): 1 for key in range(50_000)}},
            50_000,
            ("/ai_outline/0", "must be text, in double quotes."),
        ),
        ({"tags": [1], "stack": [1] * 5_000}, 5_001, ("/stack/0", "must be text, in double quotes.")),
    ],
)
@pytest.mark.parametrize("way", [validate_record, lambda record: parse_record(json.dumps(record).encode())])
def test_a_refusal_names_fifty_problems_and_counts_the_rest(changes, count, first, way):
    with pytest.raises(RecordRefused) as refused:
        way(RecordFactory(**changes))
    *named, rest = refused.value.problems
    assert len(named) == 50 and (named[0].pointer, named[0].message) == first
    assert str(rest) == f"The row has {count - 50:,} more problems."


def test_wrong_values_far_down_a_list_are_counted():
    with pytest.raises(
        RecordRefused, match="The row has 2,000 wrong values, all of them after the first 100 of a list"
    ):
        validate_record(RecordFactory(tags=["fine"] * 200 + [1] * 2_000))


def test_one_problem_too_many_is_one_more():
    with pytest.raises(RecordRefused, match=r"The row has 1 more problem\.$"):
        validate_record(RecordFactory(tags=[1] * 51))
