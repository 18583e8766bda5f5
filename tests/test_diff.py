"""The comparison of two texts: complete, reversible, bounded."""

import itertools
import json
import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from posts.diff import changes_since_import, compare_records, default_pair
from posts.diff.html import marked_html
from posts.diff.sequences import Budget, anchored_pairs, heaviest_pairs, kept_pairs, longest_increasing
from posts.models import Post
from posts.operations import record_revision
from posts.records.schema import fingerprint_of, validate_record
from posts.rendering.blocks import blocks_of, words_in
from posts.rendering.sanitizer import TAGS
from tests.factories import RecordFactory, import_records, make_post, person

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
    """Return both texts as the rows of a TextChange tell them: [text of a block] in the order of each."""
    old = ["".join(p.text for p in row.old_segments) for row in change.rows if row.old and row.old.place]
    new = ["".join(p.text for p in row.new_segments) for row in change.rows if row.new and row.new.place]
    return old, new


@given(RECORDS, RECORDS)
def test_two_texts_with_different_fingerprints_never_compare_as_equal(old, new):
    old, new = canonical(old), canonical(new)
    comparison = compare_records(old, new)
    if fingerprint_of(old) != fingerprint_of(new):
        assert not comparison.is_empty
        assert [mark.number for mark in comparison.marks] == list(range(1, len(comparison.marks) + 1))
    if json.dumps(old) == json.dumps(new):
        assert comparison.is_empty and comparison.marks == []


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


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_pairs_with_the_most_weight_are_found(weights):
    def best(row, column):
        if row == len(weights) or column == 3:
            return 0
        weight = weights[row][column]
        together = weight + best(row + 1, column + 1) if weight >= 0.5 else 0
        return max(together, best(row + 1, column), best(row, column + 1))

    pairs = heaviest_pairs(weights, 0.5)
    assert sum(weights[row][column] for row, column in pairs) == best(0, 0)
    assert all(weights[row][column] >= 0.5 for row, column in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(pairs))


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
        ("One thing.", "Nobody else came here at all.", "paragraph rewritten"),
        ("One thing.\n\nMore of it.", "One thing.", "paragraph removed"),
        ("One thing.", "One thing.\n\nMore of it.", "paragraph new"),
        ("1. a\n1. b", "1. a\n2. b", "blank lines, spaces or numbers of items; it reads the same"),
        ("| a |\n|---|\n| 1 |", "| a |\n|--:|\n| 1 |", "lines that readers do not see"),
    ],
)
def test_every_kind_of_change_is_named(old, new, what):
    assert whats(compared(old, new)) == [what]


def test_a_changed_address_shows_both_addresses():
    label = compared("The [rule](https://a.example/x).", "The [rule](https://a.example/y).").texts[2].rows[0].labels[0]
    assert label.text == "rule"
    assert "".join(p.text for p in label.segments if not p.is_added) == "https://a.example/x"
    assert "".join(p.text for p in label.segments if not p.is_removed) == "https://a.example/y"


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
    assert [segment.sign for segment in row.segments] == ["-", "+", " "]


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
    told = "".join("".join(p.text for p in row.old_segments) for row in body.rows if row.old)
    assert "".join(told.split()) == "".join("".join(block.text for block in blocks_of(old)[0]).split())


def test_what_was_too_different_is_said():
    assert compared(" ".join(map(str, range(9000))), " ".join(map(str, range(9000, 18000)))).is_capped
    assert not compared("one two", "one three").is_capped


@given(RECORDS, RECORDS)
def test_the_marked_paper_numbers_every_mark_of_the_text_and_is_whole_html(old, new):
    old, new = canonical(old), canonical(new)
    comparison = compare_records(old, new)
    html = marked_html(comparison, new)
    in_text = {mark.number for mark in comparison.marks if not mark.in_record}
    assert {number for number in in_text if f'id="mark-{number}"' in html} == in_text


def test_a_text_cannot_forge_a_mark_or_run_anything_on_the_marked_paper():
    hostile = '<ins id="mark-1" onclick="x()">a</ins> <script>alert(1)</script> [x](javascript:alert(1)) ![](image:1)'
    image = {"url": "https://placehold.co/1", "caption": hostile, "alt": hostile}
    new = {
        "title": hostile,
        "body": hostile + " new",
        "intro": hostile,
        "checklist": [hostile],
        "image_sources": [image],
    }
    html = marked_html(compare_records({"title": "t", "body": hostile}, new), new)
    assert "&lt;script&gt;" in html
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    assert {tag for tag, _ in found} <= TAGS | {
        "ins",
        "del",
        "figure",
        "figcaption",
        "b",
        "svg",
        "path",
        "rect",
        "g",
        "foreignobject",
    }
    assert all("on" not in name[:2] for _, attributes in found for name in attributes)
    assert all(attributes.get("href", "https:").startswith("https:") for _, attributes in found)
    assert [tag for tag, attributes in found if attributes.get("id") == "mark-1"] == ["div"]


def edited_post(**changes):
    post = make_post(released=True)
    record_revision(post, post.working_record() | {"summary": "Other words."} | changes, by=person("Editors"))
    return Post.objects.with_texts().get(pk=post.pk)


def compare(post, query=""):
    return reverse("admin:posts_post_compare", args=[post.pk]) + query


@pytest.mark.django_db
def test_the_proposed_text_is_compared_with_the_live_one_by_default(client):
    post = edited_post(body="## Cause\n\nThe signal comes while no job runs.\n\n## Fix\n\nFinish it, then leave.")
    client.force_login(person("Editors"))
    page = client.get(compare(post))
    assert (page.context["old"].version, page.context["new"].version) == ("1.0.0", "1.0.1")
    content = page.content.decode()
    assert "1 change in the text" in " ".join(content.split()) and "/summary" in content
    assert page.headers["Content-Security-Policy"].count("frame-src 'self'") == 1
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow" and "no-store" in page.headers["Cache-Control"]


@pytest.mark.django_db
def test_without_a_live_text_the_last_import_is_the_older_one():
    post = make_post()
    assert default_pair(post) is None
    for words in ("One.", "Two."):
        record_revision(post, post.working_record() | {"summary": words}, by=person("Editors"))
        post = Post.objects.get(pk=post.pk)
    old, new = default_pair(post)
    assert (old.number, new.number) == (1, 3)


@pytest.mark.django_db
def test_what_people_changed_since_the_import_is_said_with_who_and_how_much(client):
    post = edited_post(body="## Cause\n\nThe signal comes while no job runs.\n\n## Fix\n\nFinish it, then leave.")
    since = changes_since_import(post)
    assert [(person.groups.get().name, saves) for person, saves in since.people] == [("Editors", 1)]
    assert (since.comparison.words_in, since.comparison.words_out) == (1, 1)
    client.force_login(person("Reviewers"))
    assert "Changed by people since the import" in client.get(compare(post)).content.decode()
    import_records(RecordFactory(source_id="fresh"))
    assert changes_since_import(Post.objects.get(source_id="fresh")) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["?old=99", "?old=x", "?new=-1", "?old=1&new=99999999999999999999", "?old=１", "?view=other"],
)
def test_a_text_or_view_that_is_not_there_answers_404(client, query):
    post = edited_post()
    client.force_login(person("Editors"))
    assert client.get(compare(post, "?old=1&new=2")).status_code == 200
    assert client.get(compare(post, query)).status_code == 404


@pytest.mark.django_db
def test_a_text_of_another_post_is_no_text_of_this_one(client):
    post, other = edited_post(), make_post()
    client.force_login(person("Editors"))
    assert client.get(compare(other, "?old=1&new=2")).status_code == 404
    assert client.get(compare(post, "?old=1&new=2")).status_code == 200
    assert "nothing to compare" in client.get(compare(other)).content.decode()
    assert client.get(reverse("admin:posts_post_marked", args=[other.pk])).status_code == 404


PAGES = [("posts_post_compare", "post"), ("posts_post_marked", "post"), ("posts_revision_preview", "revision")]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "kind"), PAGES)
def test_comparisons_are_for_people_who_may_see_earlier_texts(client, name, kind):
    post = edited_post()
    address = reverse(f"admin:{name}", args=[post.pk if kind == "post" else post.head_revision_id])
    assert client.get(address).status_code == 302
    nobody = User.objects.create_user("nobody", is_staff=True)
    client.force_login(nobody)
    assert client.get(address).status_code == 403
    client.force_login(person("Staff"))
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405
    assert client.get(reverse(f"admin:{name}", args=[10**25])).status_code == 404


@pytest.mark.django_db
def test_the_preview_of_a_text_may_be_framed_by_the_admin_alone(client):
    post = edited_post()
    client.force_login(person("Editors"))
    answer = client.get(reverse("admin:posts_revision_preview", args=[post.head_revision_id]))
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN" and "1.0.1" in answer.content.decode()


@pytest.mark.django_db
def test_the_preview_in_the_frame_is_the_readers_page_without_header_and_footer(client):
    post = edited_post()
    client.force_login(person("Editors"))
    page = client.get(post.get_absolute_url()).content.decode()
    framed = client.get(reverse("admin:posts_revision_preview", args=[post.live_revision_id])).content.decode()
    for part in ('type="search"', "<footer", 'class="skip-link"'):
        assert part in page and part not in framed, part
    text = re.compile(r'<div class="text" dir="auto">.*?</div>', re.DOTALL)
    assert text.search(page)[0] == text.search(framed)[0]


@pytest.mark.django_db
def test_a_comparison_costs_the_same_queries_at_any_number_of_texts(client, django_assert_max_num_queries):
    post = edited_post()
    client.force_login(User.objects.create_superuser("root"))
    client.get(compare(post))
    with django_assert_max_num_queries(10):
        client.get(compare(post))
    editor = person("Editors")
    for number in range(15):
        record_revision(post, post.working_record() | {"summary": f"{number}"}, by=editor)
    with django_assert_max_num_queries(10):
        client.get(compare(post))


@pytest.mark.django_db
def test_fonts_reach_a_preview_in_a_sandboxed_frame(client):
    answer = client.get("/static/fonts/archivo.woff2")
    assert b"".join(answer.streaming_content).startswith(b"wOF2")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer.close()


@pytest.mark.django_db
def test_a_page_shows_the_first_five_hundred_places_and_says_that_there_are_more(client):
    post = edited_post(
        body="\n\n".join(f"Paragraph {n} of many." for n in range(700)), notes=[f"note {n}" for n in range(600)]
    )
    client.force_login(person("Editors"))
    content = client.get(compare(post)).content.decode()
    assert "more changes than a page can show" in content
    assert 'id="row-490"' in content and 'id="row-600"' not in content
    assert "more changes than a page can show" not in client.get(compare(edited_post())).content.decode()
