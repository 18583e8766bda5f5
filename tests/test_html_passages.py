"""HTML with blocks in records and in the editor: tables, lists, headings, quotations and code read as what they are."""

import pytest

from posts.content_checks import findings
from posts.listing.excerpts import excerpt_of
from posts.models import Post
from posts.rendering.blocks import blocks_of
from posts.rendering.markdown import render_text
from posts.search.snippets import prose_of
from tests.factories import RecordFactory, import_records

pytestmark = pytest.mark.once


def page_of(text):
    return str(render_text({"body": text}, image_hosts=()).html)


RECORD = """<h2 id="why">Why</h2>
<p>As <a href="#why" title="Above">said</a>, 2*3*4 and snake_case_name.</p>
<table>
  <thead><tr><th>Name</th><th align="right">Count</th></tr></thead>
  <tr><td><ul><li>one</li><li>two</li></ul></td><td rowspan="2">**7**</td></tr>
</table>
<blockquote><p>Nobody reads this.</p></blockquote>
<ol start="3"><li>three<ul><li>deeper</li></ul></li></ol>
<pre><code class="language-python">a = 1

# no heading
</code></pre>
<p>The end, with <kbd>Ctrl</kbd> and H<sub>2</sub>O.</p>
"""


@pytest.mark.django_db
def test_html_of_a_record_reads_as_what_its_tags_say():
    import_records([RecordFactory(body=RECORD)])
    body = Post.objects.get().head_revision.snapshot["body"]
    assert body == RECORD.strip()
    page = page_of(body)
    assert '<h2 id="s-why">' in page and ">Why</h2>" in page and '<a href="#s-why" title="Above"' in page
    assert "2*3*4 and snake_case_name." in page and "<blockquote>\n<p>Nobody reads this.</p>" in page
    assert '<th class="number">Count</th>' in page and '<td rowspan="2"><strong>7</strong></td>' in page
    assert "<td><ul>\n<li>one</li>\n<li>two</li>\n</ul>\n</td>" in page
    assert '<ol start="3">\n<li>three\n<ul>\n<li>deeper</li>' in page
    assert "# no heading</span>" in page and "H<sub>2</sub>O" in page and "<kbd>Ctrl</kbd>" in page
    assert "&lt;" not in page


MIXED = """Words above.

<table>
<tr>
<td>

```js
let a = "</td>";
```

</td>
<td>

- a
- [b](#above)

</td>
</tr>
</table>

- item

  <dl><dt>Term</dt><dd>Its meaning</dd></dl>

<details><summary>Fold</summary><p>In the fold</p></details>
"""


def test_markdown_inside_html_is_read_and_stays_in_its_cell():
    page = page_of(MIXED)
    assert page.count("<td>") == 2 and "JavaScript" in page and "&lt;/td&gt;" in page
    assert "<td><ul>\n<li>a</li>" in page and '<dt id="s-term">Term</dt>' in page and "Its meaning" in page
    assert "<summary>Fold</summary>" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<ul><li>a</li></ul>\n<p>b</p>", "<ul>\n<li>a</li>\n</ul>\n<p>b</p>\n"),
        ("<p>one\n<p>two", "<p>one</p>\n<p>two</p>\n"),
        ("words\n<h1 align=center>Title</h1>", 'Title</h2>'),
        ("<ul><li>Vec<T> and &lt;b&gt;</li></ul>", "<li>Vec&lt;T&gt; and &lt;b&gt;</li>"),
        ("<ul><li><input type=checkbox checked> done</li></ul>", "<li>☑ done</li>"),
        ('<ul><li id="here">a</li></ul>\n\n[x](#here)', '<a href="#s-here"'),
        ('<p>a <img src="https://i.example/a.png" alt="A [b]"></p>', '<a href="https://i.example/a.png"'),
        ("<table><tr><td>a<table><tr><td>b</td></tr></table></td></tr></table>", "<td>b</td>"),
        ("<p>a</p> and **b**", "<p>and <strong>b</strong></p>"),
        ("<div><p>a*b*c</p></div>", "<p>a*b*c</p>"),
        ("> <ul><li>q</li></ul>", "<blockquote>\n<ul>\n<li>q</li>"),
        ("| a |\n|---|\n| b <ul><li>c</li></ul> |", "<td>b <ul><li>c</li></ul></td>"),
        ("<blockquote>\na\n\n> b\n\n- c\n</blockquote>", "<blockquote>\n<p>b</p>\n</blockquote>\n<ul>\n<li>c</li>"),
        ('<div class="highlight"><pre><code class="language-py">a</code></pre></div>', "Python</span>"),
        ('<pre lang="rust"><code>fn a()</code></pre>', "Rust</span>"),
        ('<img src="data:x" data-src="https://a.example/b.png" alt="c">', '<a href="https://a.example/b.png"'),
        ('see <a href="https://a.example">this **b**\n\nc', "this <strong>b</strong></a></p>\n<p>c</p>"),
        ("<p>a</p><script>b</script>", "<p>a</p>\n<div class=\"code\""),
        ("<p>H~2~O, ==a== :tada: 10:30:45 ~5</p>", "<p>H<sub>2</sub>O, <mark>a</mark> 🎉 10:30:45 ~5</p>"),
        ('<sup id="n-1">*</sup> a [b](#n-1)', '<sup>*</sup> a <a href="#s-n-1"'),
        ("<q>a</q>", "“a”"),
        ("<p>an `<li>` in a `<ul>`</p>", "an <code>&lt;li&gt;</code> in a <code>&lt;ul&gt;</code></p>"),
        ('<p>a <svg><path d="x"/></svg>b</p>', "<p>a b</p>"),
    ],
)  # fmt: skip
def test_html_that_people_write_between_markdown(text, shown):
    assert shown in page_of(text)


@pytest.mark.parametrize(
    "text",
    [
        '<p>a <b onclick="x()">b</b></p>',
        "<div><p>a</p><script>x()</script></div>",
        '<table><tr><td onmouseover="x()">a</td></tr></table>',
        "<ul><li><iframe src='javascript:x()'></iframe>a</li></ul>",
        '<p><a href="javascript:x()">a</a><img src=x onerror=y></p>',
    ],
)
def test_html_in_blocks_runs_nothing(text):
    page = page_of(text)
    assert "a" in page and 'href="javascript' not in page and "<script" not in page and "<iframe" not in page
    assert not any(f"<{tag} on" in page for tag in ("b", "td", "img"))


def test_what_a_passage_leaves_out_is_for_the_reviewer():
    text = "<ul>\n<li>a <!-- secret --> <Badge text='x' /></li>\n</ul>"
    page = page_of(text)
    assert "secret" not in page and "Badge" not in page
    blocks, loose = blocks_of(text)
    assert any("secret" in block.text for block in blocks) and not loose
    assert [tag for block in blocks for tag in block.left_out] == ["<Badge text='x' />"]
    assert any("<Badge>" in str(finding) for finding in findings(RecordFactory(body=text)))


def test_no_author_can_write_the_line_that_stands_for_a_table():
    assert "<table" not in page_of("\x000\x00\n\n<ul><li>\x000\x00</li></ul>")


def test_a_table_in_a_row_of_another_leaves_no_word_out_of_the_comparison():
    blocks, _ = blocks_of("<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c</td></tr></table>")
    assert {word for block in blocks for word in block.text.replace("|", " ").split()} == {"a", "b", "c"}


def test_a_post_of_html_presents_itself_by_its_first_paragraph():
    assert excerpt_of({"body": RECORD}) == "As said, 2*3*4 and snake_case_name."
    prose = prose_of({"body": f"{RECORD}\n\nA `<p>` in code."})
    assert "Nobody reads this." in prose and "H2O" in prose and "<li" not in prose and "<p> in code" in prose
