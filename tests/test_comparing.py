"""The comparison of two texts: complete, readable back, bounded."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posts.comparing import compare_records
from posts.comparing.blocks import blocks_of, words_in
from posts.comparing.sequences import Budget, anchored_pairs, kept_pairs, longest_increasing
from posts.records import fingerprint_of, validate_record

WORDS = st.sampled_from(["queue", "worker", "*lease*", "`drain`", "stops", "[here](https://a.example/b)", "ü", "1."])
LINES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=8).map(" ".join),
    st.sampled_from(
        [
            "## Cause",
            "### Cause",
            "- one\n- two\n- three",
            "1. one\n2. three\n3. two",
            "> quoted\n> words",
            "```go\na()\nb()\n```",
            "| a | b |\n|---|--:|\n| 1 | 2 |",
            "![](image:1)",
            "[checklist]",
            "[ref]: https://a.example",
            "***",
            "",
        ]
    ),
)
BODIES = st.lists(LINES, max_size=8).map("\n\n".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab/~ ", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3),
    max_leaves=8,
)
IMAGES = st.lists(
    st.fixed_dictionaries(
        {"url": st.sampled_from(["https://placehold.co/a", "https://placehold.co/b"])},
        optional={"caption": st.sampled_from(["one", "two"]), "alt": st.sampled_from(["x", "y"])},
    ),
    max_size=3,
)
RECORDS = st.fixed_dictionaries(
    {"title": st.sampled_from(["Queues", "Queues drain"]), "body": BODIES | st.text("ab*#>-`_ \n[]()!", max_size=40)},
    optional={
        "intro": BODIES,
        "checklist": st.lists(st.sampled_from(["one", "two", "three"]), max_size=4),
        "tools": st.lists(st.sampled_from(["git", "make"]), max_size=4),
        "ai_outline": st.permutations(["a", "b", "c"]).map(lambda keys: dict.fromkeys(keys, "t")),
        "image_sources": IMAGES,
        "payload": st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=3),
        "flags": st.fixed_dictionaries({}, optional={"has_images": st.integers(0, 1)}),
    },
)


def canonical(record):
    return validate_record({"source_id": "x", **record, "body": record["body"].strip() or "words"}).to_dict()


def sides(change):
    """Both texts as the rows of a TextChange tell them: [text of a block] in the order of each."""
    old = ["".join(p.text for p in row.old_pieces) for row in change.rows if row.old and row.old.place]
    new = ["".join(p.text for p in row.new_pieces) for row in change.rows if row.new and row.new.place]
    return old, new


@settings(max_examples=150, deadline=None)
@given(RECORDS, RECORDS)
def test_two_texts_with_different_fingerprints_never_compare_as_equal(old, new):
    old, new = canonical(old), canonical(new)
    comparison = compare_records(old, new)
    if fingerprint_of(old) != fingerprint_of(new):
        assert not comparison.is_empty
        assert [mark.number for mark in comparison.marks] == list(range(1, len(comparison.marks) + 1))
    if json.dumps(old) == json.dumps(new):
        assert comparison.is_empty and comparison.marks == []


@settings(max_examples=150, deadline=None)
@given(RECORDS, RECORDS)
def test_both_texts_can_be_read_back_from_their_comparison(old, new):
    old, new = canonical(old), canonical(new)
    for change in compare_records(old, new).texts:
        if change.key in ("intro", "body"):
            told_old, told_new = sides(change)
            assert told_old == [block.text for block in blocks_of(old.get(change.key, ""))[0]]
            assert told_new == [block.text for block in blocks_of(new.get(change.key, ""))[0]]
        elif change.key == "checklist":
            assert sides(change) == (old.get("checklist", []), new.get("checklist", []))


@given(st.lists(st.lists(st.sampled_from(["queue", "drain", "worker", "lease"]), min_size=1), min_size=1, max_size=6))
def test_no_word_of_a_text_is_lost_on_the_way_into_blocks(paragraphs):
    text = "\n\n".join(map(" ".join, paragraphs))
    words = [word for block in blocks_of(text)[0] for word in block.text.split()]
    assert words == text.split()


@given(st.lists(st.integers(0, 5), max_size=40), st.lists(st.integers(0, 5), max_size=40))
def test_a_shortest_edit_keeps_as_much_as_the_longest_common_run(old, new):
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            same = table[i + 1][j + 1] + 1 if old[i] == new[j] else 0
            table[i][j] = max(same, table[i + 1][j], table[i][j + 1])
    pairs = kept_pairs(old, new, Budget())
    assert len(pairs) == table[0][0]
    for found in (pairs, anchored_pairs(old, new, Budget())):
        assert all(old[i] == new[j] for i, j in found)
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(found))


def test_the_longest_increasing_run_is_found():
    numbers = [3, 1, 4, 1, 5, 9, 2, 6]
    assert [numbers[index] for index in longest_increasing(numbers)] == [1, 4, 5, 6]


def compared(old, new, **more):
    return compare_records({"title": "t", "body": old, **more}, {"title": "t", "body": new, **more})


def whats(comparison):
    return [mark.what for mark in comparison.marks]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("It waits thirty seconds for it.", "It waits ninety seconds for it.", "words"),
        ("It is the [rule](https://a.example/x).", "It is the [rule](https://a.example/y).", "link goes elsewhere"),
        ("It is the rule.", "It is the [rule](https://a.example/y).", "now a link"),
        ("It is the [rule](https://a.example/y).", "It is the rule.", "no longer a link"),
        ("It is the rule.", "It is the **rule**.", "now bold"),
        ("It is `the` rule.", "It is the rule.", "no longer code"),
        ("## Rule", "### Rule", "heading level 2 → 3"),
        ("Rule", "## Rule", "was paragraph, is heading 2"),
        ("- Rule", "1. Rule", "was list item, is numbered item"),
        ("```go\na()\n```", "```python\na()\n```", "code language go → python"),
        ("```go\na()\nb()\n```", "```go\na()\nc()\n```", "code"),
        ("![](image:1)", "![](image:2)", "other image here"),
        ("*rule*", "_rule_", "written differently, reads the same"),
        ("one\n\ntwo", "one\n\n\ntwo", "blank lines before it 1 → 2"),
        ("one\n\n[a]: https://a.example", "one\n\n[a]: https://b.example", "lines that readers do not see"),
        ("One thing.", "Nobody else came here at all.", "paragraph written anew"),
        ("One thing.\n\nMore of it.", "One thing.", "paragraph taken out"),
        ("One thing.", "One thing.\n\nMore of it.", "paragraph new"),
        ("| a |\n|---|\n| 1 |", "| a |\n|--:|\n| 1 |", "lines that readers do not see"),
    ],
)
def test_every_kind_of_change_is_named(old, new, what):
    assert whats(compared(old, new)) == [what]


def test_a_changed_address_shows_both_addresses():
    label = compared("The [rule](https://a.example/x).", "The [rule](https://a.example/y).").texts[2].rows[0].labels[0]
    assert label.text == "rule"
    assert "".join(p.text for p in label.pieces if not p.is_added) == "https://a.example/x"
    assert "".join(p.text for p in label.pieces if not p.is_removed) == "https://a.example/y"


def test_an_item_that_moved_is_one_mark_with_two_places():
    comparison = compared("1. Set\n2. Stop\n3. Give\n4. Measure", "1. Measure\n2. Set\n3. Stop\n4. Give")
    assert whats(comparison) == ["moved from 4 to 1"]
    kinds = [(row.kind, row.mark) for row in comparison.texts[2].rows]
    assert kinds == [("moved", 1), ("equal", 0), ("equal", 0), ("equal", 0), ("stood", 1)]


def test_a_sentence_written_anew_reads_as_out_and_in_without_crumbs():
    row = compared(
        "Most teams notice this only when customers complain. A stale lock is worse than a lost job, for years.",
        "In our measurements of this a few deploys left locks. A stale lock is worse than a lost job, for years.",
    ).texts[2].rows[0]  # fmt: skip
    assert [piece.sign for piece in row.pieces] == ["-", "+", " "]


def test_images_name_what_changed_about_them():
    first = {"url": "https://placehold.co/1", "caption": "Depth", "alt": "A", "source": "s", "licence": "l", "width": 1}
    other = {"url": "https://placehold.co/2", "caption": "Leases"}

    def changed(**fields):
        old, new = {"image_sources": [first, other]}, {"image_sources": [first | fields, other]}
        return whats(compare_records({"title": "t", "body": "b"} | old, {"title": "t", "body": "b"} | new))

    assert changed(url="https://placehold.co/3") == ["other image file"]
    assert changed(alt="B") == ["alt text"]
    assert changed(caption="Depth of it") == ["words, caption"]
    assert changed(source="o") == ["image source"]
    assert changed(licence="m") == ["licence"]
    assert changed(width=2) == ["width"]
    swapped = compare_records(
        {"title": "t", "body": "b", "image_sources": [first, other]},
        {"title": "t", "body": "b", "image_sources": [other, first]},
    )
    assert whats(swapped) in (["moved from 2 to 1"], ["moved from 1 to 2"])


def test_the_record_is_compared_by_path_and_a_reordered_list_is_a_move():
    old = {"title": "t", "body": "b", "tools": ["git", "make", "logs"], "score": {"quality": 84}, "difficulty": "easy"}
    new = {"title": "t", "body": "b", "tools": ["logs", "git", "make"], "score": {"quality": 84.0}, "stack": ["Go"]}
    changes = {change.pointer: change for change in compare_records(old, new).record}
    assert {pointer: change.kind for pointer, change in changes.items()} == {
        "/tools/0": "moved",
        "/score/quality": "changed",
        "/stack": "added",
        "/difficulty": "removed",
    }
    assert (changes["/tools/0"].from_place, changes["/tools/0"].to_place) == (3, 1)
    assert changes["/score/quality"].is_claim and not changes["/stack"].is_claim


def test_objects_of_a_list_are_compared_inside():
    old = {"title": "t", "body": "b", "entities": [{"name": "Go", "type": "stack"}, {"name": "a/b", "x~y": 1}]}
    new = {"title": "t", "body": "b", "entities": [{"name": "Go", "type": "language"}, {"name": "a/b", "x~y": 2}]}
    assert [change.pointer for change in compare_records(old, new).record] == ["/entities/0/type", "/entities/1/x~0y"]


def test_the_order_of_the_outline_is_content():
    old = {"title": "t", "body": "b", "ai_outline": {"a": "1", "b": "2"}}
    new = {"title": "t", "body": "b", "ai_outline": {"b": "2", "a": "1"}}
    assert [(change.kind, change.pointer) for change in compare_records(old, new).record] in (
        [("moved", "/ai_outline/a")],
        [("moved", "/ai_outline/b")],
    )


def test_the_summary_counts_words_and_their_share():
    comparison = compared("one two three four five six seven eight", "one two three four five six seven nine")
    assert (comparison.words_in, comparison.words_out, comparison.words_old, comparison.words_new) == (1, 1, 9, 9)
    assert round(comparison.share, 3) == round(2 / 18, 3) and comparison.percent == 11
    same = compared("one", "one")
    assert (same.percent, same.share, same.is_capped) == (0, 0.0, False)


def test_moved_blocks_are_no_words_in_or_out():
    comparison = compared(
        "First thing.\n\nSecond thing.\n\nThird thing.", "Third thing.\n\nFirst thing.\n\nSecond thing."
    )
    assert (comparison.words_in, comparison.words_out) == (0, 0)
    assert comparison.words_old == comparison.words_new == words_in("t First thing. Second thing. Third thing.")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("word " * 200_000, "other " * 170_000),
        ("a b " * 30_000, "b a " * 30_000),
        ("\n\n".join(f"line {n}" for n in range(60_000)), "\n\n".join(f"line {n} more" for n in range(60_000))),
        ("x\n\n" * 300_000, "x\n\ny\n\n" * 150_000),
        ("[" * 50_000, "]" * 50_000),
        (">" * 20_000 + "a", ">" * 20_000 + "b"),
        ("*a _b " * 30_000, "*a _c " * 30_000),
    ],
)
def test_hostile_texts_of_a_mebibyte_are_shown_whole_where_word_by_word_would_take_too_long(old, new):
    old, new = old.strip(), new.strip()
    comparison = compared(old, new)
    assert not comparison.is_empty
    body = comparison.texts[2]
    told = "".join("".join(p.text for p in row.old_pieces) for row in body.rows if row.old)
    assert "".join(told.split()) == "".join("".join(block.text for block in blocks_of(old)[0]).split())


def test_what_was_too_different_is_said():
    assert compared(" ".join(map(str, range(9000))), " ".join(map(str, range(9000, 18000)))).is_capped
    assert not compared("one two", "one three").is_capped
