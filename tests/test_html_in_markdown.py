"""HTML in Markdown files of old sites: it becomes Markdown, or is counted if it can't."""

import re

import pytest

from posts.content_checks import findings
from posts.importing.mapping import Mapping
from posts.importing.readers.html_in_markdown import without_html
from posts.importing.readers.markdown import HTML_CONVERTED, SHOWN_AS_TEXT, TAGS_LEFT_OUT, MarkdownReader
from posts.importing.sources import open_source
from posts.models import Post
from posts.rendering.markdown import render_text
from tests.markdown_sources import folder_of, import_markdown

# What a reader makes of a file is decided before a database has it.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def brought_in(tmp_path, text, name="a.md"):
    """Return (ImportBatch, record) of a folder with one file."""
    batch = import_markdown(folder_of(tmp_path, {name: text}))
    return batch, Post.objects.select_related("head_revision").get().head_revision.snapshot


def page_of(record):
    return str(render_text(record).html)


OLD_POST = """---
title: Louder
date: 2006-05-04
---
<p>It began with <a href="https://a.example/x?b=1&amp;c=2">a <em>note</em></a>:</p>
<p><img src="https://img.example/chart.png" alt="A chart" width="640" /></p>

<blockquote>
  <p>Nobody reads this.</p>

    <p>Indented, and still no code.</p>
</blockquote>
<h3 id="why">Why</h3>
<p>As <a href="#why">said</a>, <code>__init__</code> and a*b*c.</p>
<ul>
  <li>one</li>

  <li>two</li>
</ul>
<pre><code>
x = a*b*c

# no heading
</code></pre>
"""


def test_a_page_of_html_reads_as_its_site_showed_it(tmp_path):
    batch, record = brought_in(tmp_path, OLD_POST)
    assert batch.breakdown["warnings"] == {HTML_CONVERTED: 1}
    page = page_of(record)
    assert "&lt;" not in page and "<p>" not in record["body"]
    assert 'href="https://a.example/x?b=1&amp;c=2"' in page and "<em>note</em>" in page
    assert [image["url"] for image in record["image_sources"]] == ["https://img.example/chart.png"]
    assert record["image_sources"][0]["alt"] == "A chart" and record["image_sources"][0]["width"] == 640
    assert "<blockquote>\n<p>Nobody reads this.</p>\n<p>Indented, and still no code.</p>" in page
    assert '<h2 id="s-why">' in page and ">Why</h2>" in page and '<a href="#s-why"' in page
    assert "<code>__init__</code> and a*b*c." in page and page.count("<li>") == 2
    assert "x = a*b*c\n\n# no heading" in page and record["title"] == "Louder"


MIXED = """# Title

<p align="center"><img src="https://img.example/logo.png" alt="The [logo]"></p>

Words with **weight** and <b>more</b>.

<div class="note">

A box with **Markdown**.

</div>

<table>
<tr><th>A</th><th>B</th></tr>

<tr><td>1</td><td>2</td></tr>
</table>

<!-- for us alone -->

<details>
<summary>Fold</summary>

In the fold.

</details>

```html
<p>shown as code</p>
```

    <p>this too</p>
"""


def test_html_between_markdown_is_converted_and_the_markdown_stays(tmp_path):
    batch, record = brought_in(tmp_path, MIXED)
    assert batch.breakdown["warnings"] == {HTML_CONVERTED: 1}
    page = page_of(record)
    assert "Words with <strong>weight</strong> and <strong>more</strong>." in page
    assert "<p>A box with <strong>Markdown</strong>.</p>" in page
    assert "<th>A</th>" in page and "<td>2</td>" in page and "<details>\n<summary>Fold</summary>" in page
    assert page.count("&lt;p&gt;") + page.count('<span class="nt">p</span>') >= 2
    assert record["image_sources"][0]["alt"] == "The [logo]"
    assert "<!-- for us alone -->" in record["body"] and "for us alone" not in page


def test_comments_inside_converted_html_stay_in_the_record_for_the_reviewer(tmp_path):
    _, record = brought_in(tmp_path, "<div><p>Words <!-- SECRET --> more.</p><!-- more --></div>")
    assert "<!-- SECRET -->" in record["body"] and "SECRET" not in page_of(record)


@pytest.mark.parametrize(
    "text",
    [
        "<div><script>a()</script></div>",
        '<script src="https://a.example/b.js"></script>',
    ],
)
def test_html_that_says_more_than_markdown_can_stays_as_written_and_is_counted(tmp_path, text):
    batch, record = brought_in(tmp_path, text)
    assert record["body"] == text and any(name.startswith(SHOWN_AS_TEXT) for name in batch.breakdown["warnings"])
    assert "&lt;" in page_of(record)


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("<Tabs>\n<p>a</p>\n</Tabs>", ["<Tabs>"]),
        ('<div className="x">a</div>', []),
        ("<p>a</p><custom-element>b</custom-element>", ["<custom-element>"]),
        ("Words with <u>a</u>.", []),
        ("<table>\n<tr><td>\n\n**a**\n\n</td></tr>\n</table>", []),
        ('<Card title="A title" items={["x"]} {...rest}>\n\na\n\n</Card>', ["<Card>"]),
        ("a <Badge text='x' /> b", ["<Badge>"]),
    ],
)
def test_tags_of_components_and_of_style_are_left_out_and_their_words_stay(tmp_path, text, left_out):
    batch, record = brought_in(tmp_path, text)
    assert record["body"] == text
    assert [name for name in batch.breakdown["warnings"] if "leave out" in name] == [
        f"{TAGS_LEFT_OUT}: {tag}" for tag in left_out
    ]
    page = page_of(record)
    assert "&lt;" not in page and "a" in page and ("A title" in page) == ("A title" in text)
    told = [finding.message for finding in findings({"title": "t", **record}) if "left out" in finding.message]
    assert len(told) == len(left_out) and all(tag in told[0] for tag in left_out)


@pytest.mark.parametrize(
    "text",
    [
        "Words with `<p>`, <kbd>K</kbd>, a < b and a <https://a.example>.",
        "```html\n<p>a</p>\n```",
        "<pre>\n<p> * __a__\n</pre>",
        "<details>\n<summary>a</summary>\n\nb\n\n</details>",
        '<a name="here"></a>\n\n## There',
        "<!-- a comment -->\n\nWords.",
    ],
)
def test_what_markdown_reads_by_itself_stays_and_is_not_counted(tmp_path, text):
    batch, record = brought_in(tmp_path, f"---\ntitle: T\n---\n{text}")
    assert record["body"] == text and not batch.breakdown.get("warnings")


def test_relative_addresses_lead_to_the_site_that_the_mapping_names(tmp_path):
    text = '---\ntitle: T\n---\n<p><a href="/docs/">docs</a></p><p><img src="/i.png" alt="I"></p>'
    with open_source(str(folder_of(tmp_path, {"a.md": text}))) as source:
        (row,) = MarkdownReader(source, Mapping(site="https://old.example/")).rows()
    assert "(https://old.example/docs/)" in row.record["body"]
    assert row.record["image_sources"][0]["url"] == "https://old.example/i.png"
    with open_source(str(tmp_path)) as source:
        rows = list(MarkdownReader(source).rows())
    assert any("[docs](/docs/)" in row.record["body"] for row in rows)


HOSTILE = {
    "lists without an end": "<ul>\n\n" * 20_000,
    "boxes without an end": "<div>\n\nwords\n\n" * 10_000,
    "tables in tables": "<table><tr><td>" * 20_000,
    "ends without a beginning": "</div>\n\n" * 20_000,
    "quotes without an end": '<p a="' * 50_000,
    "pre without an end": "<div><pre>\n\n" * 10_000,
    "comments without an end": "<p>\n<!-- " * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_html_made_to_hurt_is_read_within_bounds(name):
    rewritten = without_html(HOSTILE[name])
    assert ("words" in rewritten.text) is ("words" in HOSTILE[name])
    assert re.search(r"\w", rewritten.text) or rewritten.is_converted


def test_words_are_never_lost():
    text = "<div><p>one</p>two<ul><li>three<p>four</ul></div>five"
    assert re.findall(r"\w+", without_html(text).text) == ["one", "two", "three", "four", "five"]


def test_an_id_that_a_link_leads_to_stays_in_converted_html(tmp_path):
    _, record = brought_in(tmp_path, '<p id="tip" class="x">Mind it.</p>\n\n[above](#tip)\n\n<p id="other">a</p>')
    assert '<a id="tip"></a>' in record["body"] and "other" not in record["body"]
    assert '<a href="#s-tip"' in page_of(record)
