"""Foreign texts: a page shows any record as text and loses nothing of it."""

import html
import io
import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from django.urls import reverse
from hypothesis import example, given
from hypothesis import strategies as st

from posts.importing.pipeline import import_posts
from posts.models import ImportIssue, Post, Revision
from posts.records.schema import RecordRefused, parse_record, validate_record
from posts.rendering.code_blocks import MAX_COLOURED
from posts.rendering.markdown import render_text
from posts.rendering.parser import (
    MAX_BLOCKS,
    MAX_BRACKETS,
    MAX_DEPTH,
    MAX_LINES,
    MAX_SPECIAL_CHARACTERS,
    MAX_TEXT,
    MAX_TOKENS,
)
from posts.rendering.sanitizer import ATTRIBUTES, TAGS, sanitize
from tests.factories import RecordFactory, import_records, make_post

AS_WRITTEN = "Shown as source"


class Elements(HTMLParser):
    """The elements of some HTML: [(tag, {attribute: value})], and its text."""

    def __init__(self, markup):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(str(markup))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


# Our own examples, one for each known way: no collection is part of the project.
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>a</a>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<base href='https://elsewhere.example/'>",
    "<meta http-equiv=refresh content='0;url=https://elsewhere.example/'>",
    "<form action=https://elsewhere.example/><input name=q></form>",
    "<p id=main class=site-header style='position:fixed'>a</p>",
    "<details open ontoggle=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "</article></main><h1 id=main>b</h1>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!--><script>alert(1)</script-->",
    "<sCrIpT\x0c>alert(1)</sCrIpT>",
    "\u202e<script>\u2066alert(1)",
    "{{ settings.SECRET_KEY }}{% load static %}{# a #}",
]
ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "&#106;avascript:alert(1)",
    "java&#10;script:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://elsewhere.example/1",
    "view-source:javascript:alert(1)",
]


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_a_body_is_shown_as_the_text_that_it_is(markup):
    elements = Elements(render_text({"body": f"before\n\n{markup}\n\nafter {markup}", "intro": markup}).html)
    assert {tag for tag, _ in elements.found} <= TAGS | {"p"}
    assert elements.text.count("script") >= 3 * markup.lower().count("script") - markup.count("CrIpT") * 3
    for tag, attributes in elements.found:
        assert set(attributes) <= ATTRIBUTES.get(tag, set()) | {"rel"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_would_run_something_makes_no_link(address):
    body = f"[a]({address}) [b](<{address}>) <{address}> ![c]({address})\n\n[d]\n\n[d]: {address}"
    # Markdown's own check is one safety net, the sanitizer another: each must be enough alone.
    for made in (render_text({"body": body}).html, sanitize(f'<a href="{address.replace(chr(34), "")}">a</a>')):
        assert _schemes(made) <= {"https", "http", "mailto"}


def _schemes(markup):
    elements = Elements(markup)
    links = [attributes["href"] for tag, attributes in elements.found if tag == "a" and "href" in attributes]
    # As a browser reads an address: control characters around it and line ends inside it do not count.
    bare = [re.sub("[\t\n\r]", "", link).lstrip("".join(map(chr, range(33)))) for link in links]
    return {match[1].lower() for link in bare if (match := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", link))}


@pytest.mark.parametrize(
    "address", ["https://a.example/b?c=1&d=2", "http://a.example", "mailto:a@b.example", "/posts/", "#s-a"]
)
def test_a_link_leads_where_it_says_and_gives_no_recommendation(address):
    elements = Elements(render_text({"body": f"[a]({address})"}).html)
    assert [attributes for tag, attributes in elements.found if tag == "a"] == [
        {"href": address, "rel": "nofollow ugc noopener"}
    ]


def test_no_text_chooses_an_id_of_the_page():
    body = (
        "# main\n\n## main\n\n## post-meta\n\n## image-1\n\n## s-main\n\n## s-main-2\n\n<p id=main>\n\n## \n\n## 東京"
    )
    rendered = render_text({"body": body, "checklist": ["a"]})
    ids = [attributes["id"] for _, attributes in Elements(rendered.html).found if "id" in attributes]
    # The paragraph's own id is a place to link to, numbered like those of headings.
    assert [made for made in ids if made != "s-main-3"] == [heading.id for heading in rendered.contents]
    assert len(set(ids)) == len(ids) == 10
    assert all(identifier.startswith("s-") for identifier in ids)


PIECES = ["<", ">", "/", "&", '"', "'", "=", " ", "\n", "a", "p", "b", "svg", "math", "style", "script", "<!--", "-->",
          "]]>", "<p class=", "<a href=", "javascript:", "https://", "&lt;", "&#60;", "&amp;", "<table>", "<mglyph>",
          "<title>", "<noscript>", "</", "\x00", "\u0301", "\u202e", "`", "template", "<span ", "id=", "<h2 id=",
          "<div class="]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=20).map("".join))
@example('<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">')
@example("<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>")
def test_sanitizing_twice_is_sanitizing_once(text):
    once = sanitize(text)
    assert sanitize(once) == once
    assert {tag for tag, _ in Elements(once).found} <= TAGS


@given(st.lists(st.sampled_from([*PIECES, "[", "](", ")", "!", "# ", "> ", "- ", "1. ", "```", "|", "***", "\n\n", "\t",
                                 "![](image:1)", "\\"]), max_size=30).map("".join))  # fmt: skip
def test_what_markdown_gives_would_pass_the_sanitizer_unchanged(text):
    whole = str(render_text({"body": text}).html)
    assert sanitize(whole) == whole


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_a_text_may_nest_and_one_that_nests_too_deep_stands_as_it_was_written(mark):
    level = 1 if mark == "> " else 2
    fits = f"{mark * ((MAX_DEPTH - 1) // level)}words"
    assert "words" in render_text({"body": fits}).html and AS_WRITTEN not in render_text({"body": fits}).html
    deep = render_text({"body": f"{mark * MAX_DEPTH * 3}words <b>", "intro": "An intro."}).html
    assert AS_WRITTEN in deep and "levels" in deep and '<p class="lede">An intro.</p>' in deep
    assert f"{html.escape(mark * MAX_DEPTH * 3)}words &lt;b&gt;" in deep


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[" * (MAX_BRACKETS + 1), "opening brackets"),
        ("&" * (MAX_SPECIAL_CHARACTERS + 1), "characters with a meaning in Markdown"),
        ("*a*\n" * (MAX_SPECIAL_CHARACTERS // 3 + 2), "characters with a meaning in Markdown"),
        (f"[a]: /{'x' * 9000}\n\n" + "[a]" * 1000, "long address"),
        ("a" * (MAX_TEXT + 1), "longer than"),
        ("# a\n" * (MAX_BLOCKS + 1), "paragraphs, headings and other parts"),
        ("- a\n" * (MAX_BLOCKS + 1), "paragraphs, headings and other parts"),
        ("-\n" * (MAX_LINES + 1), "lines"),
        ("|a|b|\n|-|-|\n" + "|c|d|\n" * (MAX_TOKENS // 6), "a table of more than"),
    ],
)
def test_a_text_that_would_cost_minutes_stands_as_it_was_written(body, reason):
    shown = render_text({"body": body}).html
    assert AS_WRITTEN in shown and reason in shown and html.escape(body) in shown


@pytest.mark.parametrize("code", ["[" * (MAX_BRACKETS + 1), "&" * (MAX_SPECIAL_CHARACTERS + 1)])
def test_brackets_and_signs_inside_code_cost_nothing_and_are_counted_nowhere(code):
    assert AS_WRITTEN not in render_text({"body": f"```\n{code}\n```"}).html


def test_code_is_coloured_as_far_as_that_costs_little_and_shown_whole_beyond():
    assert Elements(render_text({"body": "```python\nprint(1)\n```"}).html).text == "Pythonprint(1)\n"
    assert '<span class="nb">print</span>' in render_text({"body": "```py\nprint(1)\n```"}).html
    long = "print(1)\n" * (MAX_COLOURED // 9 + 1)
    shown = render_text({"body": f"```python\n{long}```\n\n```c\nint a;\n```"}).html
    assert f"<code>{long}</code>" in shown and '<span class="kt">int</span>' in shown
    many = ("```python\n" + "print(1)\n" * 400 + "```\n\n") * 6
    shown = Elements(render_text({"body": many}).html)
    assert shown.text.count("print(1)") == 2400 and sum(a.get("class") == "nb" for _, a in shown.found) == 2000
    # A language whose patterns would take minutes for this is not read as one.
    shown = render_text({"body": "```autohotkey\na" + "\n" * 3000 + "b\n```"}).html
    assert '<span class="code__language">autohotkey</span>' in shown and "a" + "\n" * 3000 + "b" in shown


# One JSON value or text for each thing that engines, forms or pages have stumbled over.
VALUES = {
    "the largest integer": 2**63 - 1,
    "the smallest integer": -(2**63) + 1,
    "minus zero": -0.0,
    "a tiny number": 5e-324,
    "a huge number": 1.7976931348623157e308,
    "twenty digits as text": "12345678901234567890",
    "a noncharacter": "a\uffff\ufffe b",
    "a private character": "\ue000\U000f0000",
    "control characters": "a\x01\x08\x0b\x1b[31m\x7f\x85b",
    "line separators": "a\u2028b\u2029c",
    "direction overrides": "a\u202e\u2066gpj.exe\u2069\u200f",
    "a heap of combining marks": "Z" + "\u0300\u0323" * 100,
    "a byte order mark inside": "a\ufeffb",
    "emoji of many parts": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e007f",
    "two ways to write one letter": "e\u0301 \u00e9 \u212b",
    "quotes and slashes": "' \" \\ ` / -- ; %s %(a)s {0} ${a}",
    "an empty text in a list": ["a", {"b": [""]}],
    "keys in an order of their own": {"zz": 1, "a": 2, "": 3, "__proto__": 4, "constructor": 5, "items": 6, "count": 7},
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was_hashed_and_its_pages_answer(client, superuser, name):
    value = VALUES[name]
    record = RecordFactory(payload={"value": value, name: [value]}, notes=[name])
    if isinstance(value, str):
        record |= {"title": value, "summary": value, "tags": [value], "entities": [{"name": value}], "body": value}
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    expected = validate_record(record).to_dict()
    stored = Revision.objects.get(pk=post.head_revision_id).snapshot
    assert stored == expected and json.dumps(stored) == json.dumps(expected)
    assert {**post.working_record()} == {key: item for key, item in expected.items() if key != "slug"}
    client.force_login(superuser)
    for address in (
        post.get_absolute_url(),
        reverse("posts:record", args=[post.slug]),
        reverse("admin:posts_post_change", args=[post.pk]),
        reverse("admin:posts_post_preview", args=[post.pk]),
        reverse("admin:posts_revision_change", args=[post.head_revision_id]),
        reverse("admin:posts_post_changelist"),
    ):
        assert client.get(address).status_code == 200, address
    assert client.get(reverse("posts:record", args=[post.slug])).json()["record"]["payload"] == expected["payload"]


def row(payload=b"{}", title=b'"t"', body=b'"b"'):
    """Return a line of a file, built from bytes that need not be JSON."""
    return b'{"source_id": "a", "title": %s, "body": %s, "payload": %s}' % (title, body, payload)


REFUSED = {
    "not a number": (row(b'{"n": NaN}'), "JSON"),
    "infinity": (row(b'{"n": -Infinity}'), "JSON"),
    "a number beyond all": (row(b'{"n": 1e400}'), "finite"),
    "64 bits and one": (row(b'{"n": 9223372036854775808}'), "64 bits"),
    "ten thousand digits": (row(b'{}, "view_count": ' + b"9" * 10_000), "number"),
    "ten thousand lists": (row(b'{"n": %s%s}' % (b"[" * 10_000, b"]" * 10_000)), "JSON"),
    "a hundred thousand lists": (b"[" * 100_000, "JSON"),
    "UTF-16": (row().decode().encode("utf-16"), "JSON"),
    "UTF-16 without a mark": (row().decode().encode("utf-16-le"), "JSON"),
    "bytes that are no UTF-8": (row(title=b'"\xff\xfe"'), "JSON"),
    "half a pair": (row(title=rb'"\ud800"'), "surrogate"),
    "a surrogate in bytes": (row(title=b'"\xed\xa0\x80"'), "JSON"),
    "NUL": (row(body=rb'"b\u0000"'), "NUL"),
    "NUL in a key": (row(rb'{"\u0000": 1}'), "NUL"),
    "NUL as a byte": (row(title=b'"t\x00"'), "JSON"),
    "a title of marks alone": (row(title='"\u202e\u2066"'.encode()), "empty"),
    "a body of nothing": (row(body=rb'" \n\t "'), "empty"),
    "one key twice in two forms": (row('{"e\u0301": 1, "\u00e9": 2}'.encode()), "same text"),
    "a text in place of a record": (b'"a"', "record"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_no_engine_could_keep_is_refused_and_the_rows_beside_it_come_in(name):
    hostile, word = REFUSED[name]
    neighbours = [json.dumps(RecordFactory()).encode() for _ in range(2)]
    batch = import_posts(io.BytesIO(b"\n".join([neighbours[0], hostile.replace(b"\n", b""), neighbours[1]])), name="n")
    assert (batch.created, batch.refused) == (2, 1)
    issue = ImportIssue.objects.get()
    assert issue.line == 2 and word in issue.problems[0][1], issue.problems
    with pytest.raises(RecordRefused, match=word):
        parse_record(hostile)


@pytest.mark.django_db
def test_the_word_of_a_refused_row_is_shown_escaped_in_the_admin(client, superuser):
    import_posts(io.BytesIO(row(b'{"<script>alert(1)</script>": 1e999}')), name="<script>alert(1)</script>.jsonl")
    client.force_login(superuser)
    for address in ("admin:posts_importissue_changelist", "admin:posts_importbatch_changelist", "admin:index"):
        page = client.get(reverse(address)).content.decode()
        assert "&lt;script&gt;alert(1)" in page and "<script>alert(1)" not in page
    (issue,) = ImportIssue.objects.all()
    page = client.get(reverse("admin:posts_importissue_change", args=[issue.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert(1)" not in page


@pytest.mark.django_db
def test_no_title_turns_round_what_stands_beside_it():
    post = make_post(title="invoice\u202efdp.exe", source_id="turned")
    assert post.title == "invoicefdp.exe" and not any(unicodedata.bidirectional(sign) == "RLO" for sign in post.slug)
    # Inside longer texts marks have honest uses; the page keeps each value to itself.
    assert 'dir="auto"' in render_text({"body": "b", "checklist": ["\u202ea"]}).html


@pytest.mark.django_db
@pytest.mark.parametrize("length", [1, 200, 201, 300])
def test_an_identity_is_taken_up_to_two_hundred_characters(length):
    batch = import_records(RecordFactory(source_id="ä" * length))
    assert (batch.created, batch.refused) == ((1, 0) if length <= 200 else (0, 1))


@pytest.mark.django_db
@pytest.mark.parametrize("title", ["o_-_o", "a -- b", "{{ a.__class__ }}", "º", "-", "___", "../../etc"])
def test_an_address_made_of_any_title_is_one_that_an_import_takes(title):
    post = make_post(title=title)
    assert validate_record(RecordFactory(slug=post.slug)).slug == post.slug


def test_the_description_of_a_picture_in_running_text_is_plain_words():
    shown = render_text({"body": "words ![a [b](/c) *d* ![e](/f)](/g)"}).html
    assert '<a href="/g" rel="nofollow ugc noopener">a b d e</a>' in shown
