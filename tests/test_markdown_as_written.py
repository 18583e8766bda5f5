"""Markdown as people write it for GitHub and site generators: what of it reaches a page."""

import html as html_entities
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from django.urls import reverse

from posts.content_checks import findings
from posts.rendering import markdown_boxes
from posts.rendering.blocks import blocks_of
from posts.rendering.markdown import RENDERER_VERSION, render_text
from posts.rendering.markdown_boxes import MAX_VAIN_LINES
from posts.rendering.sanitizer import sanitize
from posts.search.snippets import prose_of
from tests.factories import make_post


def page_of(body, **record):
    """Return the HTML of a text; the sanitizer must leave it unchanged."""
    html = str(render_text({"body": body, **record}).html)
    assert sanitize(html) == html
    return html


class Page(HTMLParser):
    """What a browser makes of HTML: ids, links with their words, code, visible text."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.code, self.text, self.heads = [], [], [], "", []
        self._open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a" and attributes.get("class") != "permalink":
            self.links.append([attributes.get("href"), attributes.get("aria-label", "")])
        if tag == "code":
            self.code.append("")
        if attributes.get("class") in ("code__language", "code__file"):
            self.heads.append("")
        if tag != "br":
            self._open.append((tag, attributes.get("class")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        self.text += data
        tags = [tag for tag, _ in self._open]
        if "a" in tags and not self.links[-1][1]:
            self.links[-1][1] = data.strip()
        if "code" in tags:
            self.code[-1] += data
        if self._open and self._open[-1][1] in ("code__language", "code__file"):
            self.heads[-1] += data


def words_of(html):
    return " ".join(Page(html).text.split())


# Links within an article


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [
        ("First steps", "first-steps"),
        ("First steps", "First-Steps"),
        ("First steps", "first_steps"),
        ("First steps", "First%20steps"),
        ("What's new in 2.0?", "whats-new-in-20"),
        ("What's new in 2.0?", "what-s-new-in-2-0"),
        ("C++ & Rust", "c--rust"),
        ("C++ & Rust", "c-rust"),
        ("The `run_all()` call", "the-run_all-call"),
        ("🚀 Start here", "-start-here"),
        ("2. Build", "build"),
        ("2. Build", "2-build"),
        ("2. Build", "_2-build"),
        ("Größe ändern", "größe-ändern"),
        ("Größe ändern", "gr%C3%B6%C3%9Fe-%C3%A4ndern"),
        ("Größe ändern", "groesse-aendern"),
        ("Crème brûlée", "creme-brulee"),
        ("設定ファイル", "設定ファイル"),
        ("हिन्दी में", "हिन्दी-में"),
        ("متن فارسی", "متن-فارسی"),
        ("Build it {#make}", "make"),
        ("Build it {: #make .wide}", "make"),
        ("Build it {#make .wide key=value}", "make"),
        ("Build it {/* #make */}", "make"),
        ("_Emphasis_ and [a link](https://a.example)", "emphasis-and-a-link"),
    ],
)
def test_a_link_leads_to_the_heading_that_its_generator_would_have_named_so(heading, fragment):
    html = page_of(f"[go](#{fragment})\n\n## Other\n\nwords\n\n## {heading}\n\nwords")
    page = Page(html)
    href = page.links[0][0]
    assert href.startswith("#s-") and unquote(href[1:]) == page.ids[1] == href[1:]
    assert "#make" not in page.text and "{" not in page.text


def test_headings_of_one_name_are_told_apart_as_generators_do():
    links = " ".join(f"[{name}](#{name})" for name in ("usage", "usage-1", "usage_1", "usage-2"))
    page = Page(page_of(f"{links}\n\n## Usage\n\na\n\n## Usage\n\nb\n\n## Usage\n\nc"))
    assert page.ids == ["s-usage", "s-usage-2", "s-usage-3"]
    assert [href for href, _ in page.links] == ["#s-usage", "#s-usage-2", "#s-usage-2", "#s-usage-3"]


def test_a_link_of_the_intro_leads_into_the_body_and_one_in_a_note_too():
    page = Page(page_of("Words[^1].\n\n## Far down\n\n[^1]: See [there](#far-down).", intro="See [it](#far-down)."))
    assert [href for href, words in page.links if words in ("it", "there")] == ["#s-far-down"] * 2


def test_an_empty_anchor_is_a_place_to_link_to():
    html = page_of('[there](#the-place)\n\n<a name="the-place"></a>\n\n## Heading\n\n<a id="main"></a>Words')
    assert '<a href="#s-the-place"' in html and '<span id="s-the-place"></span>' in html
    assert 'id="main"' not in html and "&lt;a" not in html


def test_a_link_to_no_heading_stays_as_it_was_written():
    assert '<a href="#image-1"' in page_of("[a](#image-1)") and '<a href="#nowhere"' in page_of("[a](#nowhere)")


@pytest.mark.parametrize("name", ["main", "post-meta", "location", "__proto__", "image-1", "s-note_1", "s-back_1"])
def test_an_id_that_an_author_gives_is_none_of_the_page_or_of_the_notes(name):
    page = Page(page_of(f'## A {{#{name}}}\n\n<a id="{name}"></a>x[^1]\n\n[^1]: note\n\n## {name}'))
    assert len(set(page.ids)) == len(page.ids) and all(identifier.startswith("s-") for identifier in page.ids)


# Notes


def test_notes_stand_at_the_end_numbered_in_the_order_of_the_text_and_lead_back():
    body = "One[^b] two[^a], one again[^b].\n\n[^a]: Words of a.\n[^b]: First of b.\n\n    Second of b.\n\nThe end."
    html = page_of(body)
    page = Page(html)
    assert words_of(html).endswith("The end. Notes First of b. Second of b. ↩︎ ↩︎ Words of a. ↩︎")
    assert "<pre" not in html and "[^" not in html
    leads = [href[1:] for href, _ in page.links]
    assert set(leads) <= set(page.ids) and len(set(page.ids)) == len(page.ids)
    assert all(name for _, name in page.links)
    assert [href for href, name in page.links if name.startswith("Note ")] == ["#s-note_1", "#s-note_2", "#s-note_1"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("A[^1].\n\n[^1]: Roughly.", "Roughly."),
        ("A[^1].\n\n[^1]: https://a.example/paper", "https://a.example/paper"),
        ("No mark.\n\n[^lost]: Nobody refers to it.", "Nobody refers to it."),
        ("A[^1].\n\n[^1]: first\n[^1]: second", "second"),
        ("A[^1].\n\n[^1]:\n    Below its label.", "Below its label."),
        ("A[^1].\n\n[^1]: a[^2]\n[^2]: Inside[^1].", "Inside"),
        ("> A[^q].\n>\n> [^q]: In a quotation.", "In a quotation."),
        ("A[^long label].\n\n[^long label]: Spaces.", "Spaces."),
        ("A[^1].\n\n[^1]: - an item\n    - another", "another"),
        ("A[^1].\n\n[^1]: Code:\n\n        x = 1", "x = 1"),
    ],
)
def test_every_word_of_a_note_is_on_the_page(body, words):
    html = page_of(body)
    assert words in words_of(html)
    assert "[^" not in html and 'href="Roughly' not in html


def test_a_mark_without_a_note_stays_text_and_one_in_code_or_in_a_link_too():
    html = page_of("a[^none] `b[^1]`\n\n[^1]: note")
    assert "a[^none]" in html and "<code>b[^1]</code>" in html
    html = page_of("[c[^1]](https://a.example)\n\n[^1]: note")
    assert html.startswith('<p><a href="https://a.example"') and "c[^1]</a>" in html and "note</p>" in html


def test_notes_of_intro_and_body_are_one_list():
    page = Page(page_of("b[^1]\n\n[^1]: of the body", intro="a[^0]\n\n[^0]: of the intro"))
    assert [name for _, name in page.links if name.startswith("Note")] == ["Note 1", "Note 2"]
    assert page.ids.count("s-notes") == 1 and len(set(page.ids)) == len(page.ids)


# Comments

COMMENTED = [
    "Words. <!-- SECRET --> More.",
    "Words.\n\n<!--\nSECRET\n\nof two paragraphs\n-->\n\nMore.",
    "Words.\n<!-- SECRET -->\nMore.",
    "- Words.\n\n  <!-- SECRET -->\n- More.",
    "> Words.\n> <!-- SECRET -->\n>\n> More.",
    "Words.\n\n<!-- SECRET --> More.",
    "Words.\n\n   <!-- SECRET\n\n-->More.",
    "| Words. | <!-- SECRET --> |\n|---|---|\n| a | More. |",
    "# Words. <!-- SECRET -->\n\nMore.",
    "**Words. <!-- SECRET --> More.**",
    "[Words. <!-- SECRET -->](https://a.example)\n\nMore.",
    "Words.[^1]\n\n[^1]: <!-- SECRET --> More.",
    "Words. <!-- a --> b <!-- SECRET -- x -> --> More.",
    "Words. {/* SECRET */} More.",
    "Words.\n\n{/*\n\nSECRET *of* two\n\n*/}\n\nMore.",
    "Words.\n{{/* SECRET */}}\nMore.",
    "Words.\n\n{{- /*\nSECRET\n*/ -}}\n\nMore.",
    "Words. {% comment %}SECRET{% endcomment %} More.",
    "- Words.\n\n  {%- comment -%}\n  SECRET\n\n  {%- endcomment -%}\n\n- More.",
    "> Words. {/* SECRET */}\n>\n> More.",
]


@pytest.mark.parametrize("body", COMMENTED)
def test_readers_never_see_a_comment_and_the_reviewer_is_told(body):
    html = page_of(body, intro=body)
    assert "SECRET" not in html and "--" not in words_of(html)
    assert "Words." in html and "More." in html
    record = {"title": "t", "body": body}
    told = [finding for finding in findings(record) if finding.check == "comment"]
    assert any("SECRET" in finding.message for finding in told)
    assert "SECRET" not in prose_of(record)
    assert any("SECRET" in block.text for block in blocks_of(body)[0]), "a comparison has to show it"


@pytest.mark.parametrize(
    "body",
    [
        "`<!-- kept -->`",
        "```html\n<!-- kept -->\n```",
        "    <!-- kept -->",
        "<!-- kept",
        "`{/* kept */}`",
        "{/* kept",
        "    {{/* kept */}}",
    ],
)
def test_a_comment_in_code_and_one_without_an_end_stay(body):
    assert "kept" in page_of(f"a\n\n{body}\n\nb")
    assert not [finding for finding in findings({"title": "t", "body": body}) if finding.check == "comment"]


@pytest.mark.django_db
def test_the_page_of_a_post_has_no_comment_and_its_review_screen_names_it(client, superuser):
    post = make_post(body="Words. <!-- SECRET -->\n\nMore words.", summary="")
    assert "SECRET" not in client.get(post.get_absolute_url()).content.decode()
    client.force_login(superuser)
    assert "SECRET" in client.get(reverse("admin:review", args=[post.pk])).content.decode()


# HTML


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Call <code>__init__.py</code> now", "__init__.py"),
        ("<code>a*b*c</code> and `d`", "a*b*c"),
        ("<tt>[a](b)</tt>", "[a](b)"),
        ("<samp>&lt;b&gt; &amp;</samp>", "<b> &"),
        ("<CODE>x_y_z</CODE>", "x_y_z"),
        ('<code class="language-c">Vec<T> *p</code>', "Vec<T> *p"),
        ("- <code>~~x~~</code>", "~~x~~"),
        ("<pre>\n# comment\n\nx = a*b*c\n</pre>", "# comment\n\nx = a*b*c\n"),
        ("<pre><code>* not a list\n_no_</code></pre>", "* not a list\n_no_\n"),
        ('<pre class="x"><span class="k">def</span> f(): &lt;ok&gt;</pre>', "def f(): <ok>\n"),
        ("a\n<pre>\n    __x__\n</pre>\nb", "    __x__\n"),
        ("<PRE>\n<T> __x__\n</PRE>", "<T> __x__\n"),
        ("> <pre>\n> # a\n> </pre>", "# a\n"),
    ],
)
def test_code_written_as_html_keeps_every_character(body, code):
    html = page_of(body)
    page = Page(html)
    assert code in page.code
    assert not re.search("<(?:strong|em|h2|s)[ >]", html)


def test_a_comment_in_pre_is_no_heading():
    assert render_text({"body": "<pre>\n# a\n</pre>"}).contents == []


def test_html_code_names_its_language():
    assert Page(page_of('<pre><code class="language-python">x = 1</code></pre>')).heads == ["Python"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("Press <kbd>Ctrl</kbd>+<kbd>_</kbd>", "<kbd>Ctrl</kbd>+<kbd>_</kbd>"),
        ("<kbd><kbd>Ctrl</kbd>+<kbd>C</kbd></kbd>", "<kbd><kbd>Ctrl</kbd>+<kbd>C</kbd></kbd>"),
        ("H<sub>2</sub>O and 2<sup>10</sup>", "H<sub>2</sub>O and 2<sup>10</sup>"),
        ("<mark>a *b*</mark>", "<mark>a <em>b</em></mark>"),
        ('<abbr title="Domain Name System">DNS</abbr>', '<abbr title="Domain Name System">DNS</abbr>'),
        ("a<br>b<br/>c<BR />d", "a<br>\nb<br>\nc<br>\nd"),
        ("<b>a</b> <i>b</i> <del>c</del>", "<strong>a</strong> <em>b</em> <s>c</s>"),
        ('<a href="https://a.example/?b=1&amp;c=2">a *b*</a>', 'href="https://a.example/?b=1&amp;c=2"'),
        ('<img src="https://a.example/b.png" alt="A chart">', '<a href="https://a.example/b.png"'),
        ("| a |\n|---|\n| b<br>c |", "<td>b<br>\nc</td>"),
    ],
)
def test_a_few_tags_are_what_they_mean(body, shown):
    html = page_of(body)
    assert shown in html and "&lt;" not in html


@pytest.mark.parametrize(
    "body",
    [
        "<kbd>never closed",
        "<b>a *b</b> c*",
        '<a href="javascript:alert(1)">a</a>',
        '<a href="https://a.example" onclick="x()">a</a>',
        '<img src="x" onerror="y()">',
        "<custom-tag>a",
        "List<String>",
        "<Tabs onclick={x}>a</Tabs>",
        "<mark onmouseover=x>a</mark>",
        "<script>\nalert(1) * 2 * 3\n</script>",
    ],
)
def test_every_other_tag_is_shown_as_the_text_that_it_is(body):
    text = Page(page_of(body)).text
    assert re.sub(r"[*\s]", "", body) in re.sub(r"[*\s]", "", text)


@pytest.mark.parametrize(
    "body",
    [
        "[a <a href='/b'>c</a> d](/e)",
        "<a href='/b'>c [a](/e) d</a>",
        "<a href='/b'><a href='/c'>d</a></a>",
        "<a href='/b'>![x](https://a.example/y.png)</a>",
    ],
)
def test_no_link_stands_in_a_link(body):
    depth = deepest = 0
    for tag in re.findall("</?a[ >]", page_of(body)):
        depth += -1 if tag[1] == "/" else 1
        deepest = max(depth, deepest)
    assert (depth, deepest) == (0, 1)


@pytest.mark.parametrize(
    "body",
    [
        "<details>\n<summary>The <b>log</b></summary>\n\nSome **words**.\n\n- item\n\n</details>\n\nAfter.",
        "<details><summary>The <b>log</b></summary>Some **words**.\n\n- item\n</details>\n\nAfter.",
        '<details class="x" open>\n  <summary>\n    The <b>log</b>\n  </summary>\n\n'
        "  Some **words**.\n\n  - item\n</details>\nAfter.",
    ],
)
def test_a_fold_has_its_summary_and_holds_markdown(body):
    html = page_of(body)
    assert html.index("<details>") < html.index("<summary>The <strong>log</strong></summary>")
    assert html.index("<strong>words</strong>") < html.index("<li>item</li>") < html.index("</details>")
    assert html.index("</details>") < html.index("After.") and "&lt;" not in html


def test_folds_stand_in_folds_and_in_lists_and_one_without_an_end_is_text():
    html = page_of(
        "- a\n\n  <details>\n  <summary>s</summary>\n\n  <details>\n\n  in\n\n  </details>\n\n  </details>\n- b"
    )
    assert html.count("<details>") == html.count("</details>") == 2 and "<summary>Details</summary>" in html
    assert "&lt;details&gt;" in page_of("<details>\n\na")


# Pictures in links


@pytest.mark.parametrize(
    "body",
    [
        "[![Tests](https://img.example/t.svg)](https://ci.example/1)",
        "[![Tests][badge]][run]\n\n[badge]: https://img.example/t.svg\n[run]: https://ci.example/1",
        '<a href="https://ci.example/1"><img src="https://img.example/t.svg" alt="Tests"></a>',
        "[before ![Tests](https://img.example/t.svg) after](https://ci.example/1)",
    ],
)
def test_a_picture_in_a_link_gives_the_link_its_words(body):
    page = Page(page_of(body))
    assert len(page.links) == 2 or "href" in body
    href, _ = page.links[0]
    assert href == "https://ci.example/1" or "<a href" in body
    assert all(words for _, words in page.links) and "Tests" in page.text


def test_a_picture_without_words_in_a_link_shows_its_address():
    page = Page(page_of("[![](https://img.example/t.svg)](https://ci.example/1)"))
    assert page.links[0] == ["https://ci.example/1", "https://img.example/t.svg"]


# Heads of code


@pytest.mark.parametrize(
    ("info", "head"),
    [
        ("js", ["JavaScript"]),
        ('js title="lib/a.js" {1,3-5}', ["JavaScript", "lib/a.js"]),
        ("js {1,3} title='lib/a.js' showLineNumbers", ["JavaScript", "lib/a.js"]),
        ("js{2}", ["JavaScript"]),
        ("js:title=lib/a.js", ["JavaScript", "lib/a.js"]),
        ("js:lib/a.js", ["JavaScript", "lib/a.js"]),
        ("js [lib/a.js]", ["JavaScript", "lib/a.js"]),
        ("js filename=lib/a.js", ["JavaScript", "lib/a.js"]),
        ('md {file="a/b.md"}', ["Markdown", "a/b.md"]),
        ('{file="b.toml"}', ["b.toml"]),
        ("go {linenos=table,hl_lines=[8,\"15-17\"],linenostart=199}", ["Go"]),
        ("rust,should_panic", ["Rust"]),
        ("rust, no_run", ["Rust"]),
        ("rust,ignore,edition2021", ["Rust"]),
        ("{.python .numberLines}", ["Python"]),
        ("{.python}", ["Python"]),
        ("{python, echo=FALSE}", ["Python"]),
        ("{: .language-ruby}", ["Ruby"]),
        ("language-ruby", ["Ruby"]),
        ("ts twoslash", ["TypeScript"]),
        ("go ledger.go", ["Go", "ledger.go"]),
        ("go ledger.go {3}", ["Go", "ledger.go"]),
        ("docker Dockerfile", ["Docker", "Dockerfile"]),
        ("C++", ["C++"]),
        ("c#", ["C#"]),
        ("jsonc", ["JSON with comments"]),
        ("YAML", ["YAML"]),
        ("yml", ["YAML"]),
        ("php", ["PHP"]),
        ("postgres", ["PostgreSQL"]),
        ("r", ["R"]),
        ("nim", ["Nim"]),
        ("ps1", ["PowerShell"]),
        ("cuda", ["CUDA"]),
        ("bicep", ["Bicep"]),
        ("gleam", ["Gleam"]),
        ("objective-c++", ["Objective-C++"]),
        ("mermaid", ["Mermaid"]),
        ("plaintext", ["Text"]),
        ('title="a.js"', ["a.js"]),
        ('linenums="1"', []),
        ("svelte", ["Svelte"]),
        ("unheard-of", ["unheard-of"]),
    ],
)  # fmt: skip
def test_a_head_names_language_and_file_alone(info, head):
    assert Page(page_of(f"```{info}\nx = 1\n```")).heads == head


@pytest.mark.parametrize("info", ["rust,should_panic", "{.python}", 'js title="a.js"', "golang", "jsonc", "dotenv"])
def test_a_language_is_coloured_whatever_stands_behind_it(info):
    assert re.search('<code><span class="[a-z0-9]+">', page_of(f"```{info}\nx = 1\n```"))


def test_the_checks_read_code_whatever_its_head_looks_like():
    for info in ("{.json .x}", 'json title="a.json"', "json,x"):
        told = findings({"title": "t", "body": f"```{info}\n{{\n```"})
        assert any(finding.check == "code-syntax" for finding in told), info


# Tasks


def test_tasks_are_boxes():
    html = page_of("- [ ] open\n- [x] done\n- [X] done too\n- [a] none\n- [](x)")
    assert re.findall("[☐☑][^<]*", html) == ["☐ open", "☑ done", "☑ done too"] and "[a] none" in html


# What was made to hurt

HOSTILE = {
    "comments without an end": "<!-- a\n" * 30_000,
    "comments without an end in a list": "- <!-- a\n" + "  <!-- b\n" * 30_000 + "\n-->",
    "comments on one line": "<!--" * 50_000,
    "comments of templates without an end": "{/* a\n" * 30_000 + "{% comment %}" * 9_000,
    "code without an end": "<code>a " * 20_000,
    "pre without an end": "<pre>\n" * 30_000,
    "folds without an end": "<details>\n" * 20_000,
    "folds in folds": "<details>\n" * 2_000 + "</details>\n" * 2_000,
    "notes in notes": "".join(f"[^{n}]: [^{n + 1}] " for n in range(3_000)),
    "notes of one label": "[^1]: b\n" * 9_000,
    "marks of one note": "[^a] " * 9_000 + "\n\n[^a]: b",
    "notes that refer to each other": "".join(f"x[^{n}]\n\n[^{n}]: y[^{n + 1}][^{n - 1}]\n\n" for n in range(2_000)),
    "tags that cross": "<b><i>" * 20_000 + "</b></i>" * 20_000,
    "tags in tags": "<kbd>" * 20_000 + "</kbd>" * 20_000,
    "attributes": "<a " + "b=c " * 60_000,
    "headings of one name": "# a\n" * 20_000,
    "links to headings": "# a b\n\n" + "[c](#a%20b) " * 9_000,
    "ids of one name": "## a {#b}\n" * 10_000,
    "braces": "## " + "{#" * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_made_to_hurt_comes_out_whole(name):
    html = str(render_text({"body": HOSTILE[name]}).html)
    assert sanitize(html) == html or "as-written" in html
    for word in re.findall(r"[a-z]\b", re.sub("<[^<>]*>?|#\\w+", " ", HOSTILE[name]))[:20]:
        assert word in html_entities.unescape(html)


def test_a_changed_renderer_says_so():
    """Stored pages are rendered again only under a new number."""
    assert RENDERER_VERSION >= 6


@pytest.mark.parametrize(
    "written",
    [
        "> [!NOTE]\n> Mind the gap.",
        "> [!note] Note\n> Mind the gap.",
        "> [!NOTE]+\n>\n> Mind the gap.",
        ":::note\nMind the gap.\n:::",
        "::: info Note\nMind the gap.\n:::",
        ":::note[Note]{.wide}\n\nMind the gap.\n\n:::",
        "!!! note\n    Mind the gap.",
        '!!! note "Note"\n\n    Mind the gap.',
    ],
)
def test_a_note_of_any_generator_is_a_box_with_its_title(written):
    html = page_of(f"Before.\n\n{written}\n\nAfter.")
    assert '<div class="box box--note"><p class="box__title">Note</p>\n<p>Mind the gap.</p>\n</div>' in html
    assert "<p>Before.</p>" in html and "<p>After.</p>" in html and "[!" not in html and ":::" not in html


def test_boxes_hold_what_a_text_holds_and_other_boxes():
    containers = "::::warning\n\n- one\n\n:::tip\n`two`\n:::\n\n::::"
    html = page_of(f"{containers}\n\n!!! danger\n\n    ```sh\n    rm x\n    ```\n\n    > three")
    assert html.count("box--") == 3 and "<li>one</li>" in html and "<code>two</code>" in html
    assert '<span class="code__language">Bash</span>' in html and "<blockquote>\n<p>three</p>" in html


@pytest.mark.parametrize("written", ['??? note "More"\n    Inside.', ":::details More\nInside.\n:::"])
def test_a_box_that_folds_is_a_fold(written):
    html = page_of(written)
    assert "<summary>More</summary>" in html and "<p>Inside.</p>\n</details>" in html


@pytest.mark.parametrize(
    "written",
    [
        ":::note\nWords without an end.",
        "> [!unheard]\n> Words.",
        "!!! note",
        "!!! note\nNot indented.",
        '=== "Tab"',
        ":::",
        "???",
        "Words !!! note\n    here",
    ],
)
def test_what_is_no_box_keeps_every_character(written):
    page = Page(page_of(written))
    assert "".join(page.text.split()) == "".join(re.sub("(?m)^> ?", "", written).split())


def test_every_tab_is_shown_under_its_name():
    html = page_of('=== "pip"\n\n    pip install x\n\n=== "uv"\n\n    uv add x')
    assert [">pip</p>" in html, ">uv</p>" in html, "pip install x" in html, "uv add x" in html] == [True] * 4


def test_terms_have_their_definitions():
    html = page_of("Apple\n: A fruit.\n: A firm.\n\nPear\n:   Another *fruit*.\n\n    Green.\n\nAfter.")
    assert html.count("<dl>") == 1 and html.count("<dt id=") == 2 and html.count("<dd>") == 3
    assert "<em>fruit</em>" in html and "<p>Green.</p>" in html and html.rstrip().endswith("<p>After.</p>")


@pytest.mark.parametrize("written", ["Words: more words", "Words\n\n\n: far below", "a :b", ": alone", "Words\n:tight"])
def test_a_colon_alone_defines_nothing(written):
    page = Page(page_of(written))
    assert "<dl>" not in page_of(written) and "".join(page.text.split()) == "".join(written.split())


@pytest.mark.parametrize(
    ("written", "address", "words"),
    [
        ("See https://a.example/x_y_z.", "https://a.example/x_y_z", "https://a.example/x_y_z"),
        ("(https://a.example/a_(b))", "https://a.example/a_(b)", "https://a.example/a_(b)"),
        ("http://localhost:8000/admin, then", "http://localhost:8000/admin", "http://localhost:8000/admin"),
        (r"https://a.example/\_b\_c", "https://a.example/_b_c", "https://a.example/_b_c"),
        (r"https://a.example/\_b\_", "https://a.example/_b", "https://a.example/_b"),
        ("HTTPS://A.example", "HTTPS://A.example", "HTTPS://A.example"),
        ("https://a.example/?q=1&copy;", "https://a.example/?q=1", "https://a.example/?q=1"),
        ("www.a.example/help!", "http://www.a.example/help", "www.a.example/help"),
        ("mail ada@mail.a.example.", "mailto:ada@mail.a.example", "ada@mail.a.example"),
        ("Go to https://a.example.", "https://a.example", "https://a.example"),
        ("**https://a.example**", "https://a.example", "https://a.example"),
    ],
)
def test_a_bare_address_is_a_link(written, address, words):
    page = Page(page_of(written))
    assert page.links == [[address, words]]
    assert page.text.strip() == html_entities.unescape(written.replace("**", "").replace("\\", ""))


@pytest.mark.parametrize(
    "written",
    [
        "javascript://a.example",
        "x.py and setup.cfg",
        "a@b",
        "https://",
        "ftp://a.example/x",
        "http://a_b.c_d/",
        "@www.x",
    ],
)
def test_what_only_looks_like_an_address_is_none(written):
    assert Page(page_of(written)).links == []


def test_an_address_in_a_link_or_in_code_makes_no_second_link():
    page = Page(page_of("[https://a.example](https://b.example) `https://c.example` <https://d.example>"))
    assert [href for href, _ in page.links] == ["https://b.example", "https://d.example"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("$O(n^2)$", "O(n²)"),
        ("$x_i \\leq \\frac{a}{b}$", "xᵢ ≤ a/b"),
        ("$$\n\\sum_{i=1}^{n} i\n$$", "∑ᵢ₌₁ⁿ i"),
        ("$`a_b*c*`$", "a_b*c*"),
        ("$\\unheard{x}_1 * 2 * 3$", "\\unheard{x}₁ * 2 * 3"),
    ],
)
def test_a_formula_reads_as_text_and_its_signs_are_no_markdown(written, shown):
    html = page_of(written)
    assert 'class="formula"' in html and Page(html).text.strip() == shown


@pytest.mark.parametrize(
    "written",
    ["It costs $5 or $10.", "$HOME/bin and $PATH", "${a}:${b}", "`$x^2$`", "US$20 = A$30", "a $ b $ c", "$x$y$"],
)
def test_a_dollar_that_is_no_formula_stays_one(written):
    page = Page(page_of(written))
    assert page.text.strip() == written.replace("`", "")


def test_a_column_may_be_centred():
    html = page_of("| a | b | c |\n|:-:|--:|---|\n| 1 | 2 | 3 |")
    assert '<th class="centre">a</th>' in html and '<td class="number">2</td>' in html and "<td>3</td>" in html


def test_each_heading_has_a_link_to_itself():
    html = page_of("## Why\n\nWords\n\n## Notes on `x`\n\nMore")
    assert '<h2 id="s-why"><a class="permalink" href="#s-why" aria-label="Link to this section"' in html
    assert 'href="#s-notes-on-x"' in html


@pytest.mark.parametrize(
    ("older", "newer", "setting"),
    [
        ("> [!NOTE]\n> Old words.", "> [!NOTE]\n> New words.", "paragraph, in a note box"),
        ("Apple\n: A fruit.", "Apple\n: A firm.", "definition"),
        ("$$\nx^2\n$$", "$$\nx^3\n$$", "formula"),
    ],
)
def test_a_comparison_says_where_the_words_stand(older, newer, setting):
    for text in (older, newer):
        blocks, loose = blocks_of(text)
        assert setting in {block.setting for block in blocks} and [line for line in loose if line.strip("> $")] == []


def test_a_link_written_as_a_tag_is_a_link_to_checks_and_comparisons_as_well():
    blocks, loose = blocks_of('See <a href="https://a.example/">the *guide*</a> here.')
    assert loose == [] and blocks[0].text == "See the guide here."
    addresses = {token: style.address for token, style in zip(blocks[0].tokens, blocks[0].styles, strict=True)}
    assert (addresses["guide"], addresses["here"]) == ("https://a.example/", "")


def test_a_container_without_an_end_leaves_the_boxes_below_it():
    assert page_of(":::::note\nNo end.\n\n:::tip\nWords.\n:::").count('class="box box--tip"') == 1


@pytest.mark.parametrize(("first", "line"), [("", ":::note\n"), ("- x\n", "  :::note\n"), ("", "> :::note\n")])
def test_containers_without_an_end_are_not_each_searched_to_the_end_of_a_long_text(monkeypatch, first, line):
    looks, line_of = [], markdown_boxes.line_of
    monkeypatch.setattr(markdown_boxes, "line_of", lambda *place: looks.append(place) or line_of(*place))
    blocks_of(first + line * 1500)
    assert len(looks) < 2 * MAX_VAIN_LINES


PICTURE = {"url": "https://elsewhere.example/a.png", "caption": "A chart"}
IN_BOXES = {
    "a box": ":::note\nWords.\n\nPLACE\n\nMore.\n:::",
    "an alert": "> [!NOTE]\n> Words.\n>\n> PLACE\n>\n> More.",
    "an admonition": "!!! tip\n\n    Words.\n\n    PLACE\n\n    More.",
    "a tab": '=== "Tab"\n\n    Words.\n\n    PLACE\n\n    More.',
    "a fold": "<details><summary>S</summary>\n\nWords.\n\nPLACE\n\nMore.\n\n</details>",
    "a quotation": "> Words.\n>\n> PLACE\n>\n> More.",
    "a list": "1. Words.\n\n   PLACE\n\n   More.",
    "a definition": "Term\n:   Words.\n\n    PLACE\n\n    More.",
}


@pytest.mark.parametrize("place", IN_BOXES)
def test_an_image_or_the_checklist_is_placed_inside(place):
    html = str(render_text({"body": IN_BOXES[place].replace("PLACE", "![](image:1)"), "image_sources": [PICTURE]}).html)
    assert html.count("<figure") == 1 and "(Image 1" not in html
    assert html.index("Words.") < html.index("<figure") < html.index("More.")
    body = IN_BOXES[place].replace("PLACE", "[checklist]")
    html = str(render_text({"body": body, "checklist": ["Look twice"]}).html)
    assert html.index("Words.") < html.index('class="checklist"') < html.index("More.") and "[checklist]" not in html


def test_a_place_inside_counts_for_the_checks_and_a_second_one_is_told():
    body = "> ![](image:1)\n\n- ![](image:1)\n- ![](image:2)\n- [checklist]"
    record = {"title": "t", "body": body, "image_sources": [PICTURE]}
    assert str(render_text(record).html).count("<figure") == 1
    told = [finding.message for finding in findings(record) if finding.check == "dead-placement"]
    assert [words in "".join(told) for words in ("placed twice", "places image 2", "places a checklist")] == [True] * 3


def test_no_text_forges_a_place():
    body = '<div class="placed">0</div>\n\nBefore.\n\n> ![](image:1)'
    html = str(render_text({"body": body, "image_sources": [PICTURE]}).html)
    assert html.count("<figure") == 1 and html.index("Before.") < html.index("<figure") and "placed" not in html


def test_a_component_on_lines_of_its_own_leaves_its_content_and_its_place():
    card = '<Card\n  title="A card"\n  id="here"\n>\n\n**Words**\n\n</Card>'
    body = f"[go](#here)\n\n<Steps>\n1. One\n2. Two\n</Steps>\n\n{card}"
    html = page_of(body)
    assert "<li>Two</li>" in html and '<p class="box__title"><span id="s-here"></span>A card</p>' in html
    assert Page(html).links[0][0] == "#s-here" and "&lt;" not in html and "<strong>Words</strong>" in html


def test_objects_within_lists_within_objects_are_values_of_a_component():
    page = page_of("<Menu\n\titems={[\n{ a: [{ b: { c: '' } }] },\n]}\n/>\n\nAfter.")
    assert "Menu" not in page and "items" not in page and "After." in page
    page = page_of("<Table\n\tlabels={{\n\t\tnote: 'On {{date}}. Click.',\n\t}}\n/>\n\nAfter.")
    assert "labels" not in page and "After." in page


def test_words_of_cells_do_not_touch_and_an_embedded_video_is_a_link():
    assert "a b" in words_of(page_of("x <td>a</td><td>b</td>"))
    html = page_of('<iframe src="https://video.example/1" title="A video" allowfullscreen></iframe>')
    assert Page(html).links == [["https://video.example/1", "A video"]]


@pytest.mark.parametrize(
    "text",
    [
        "<Tab " * 20_000,
        "<Tab>\n" * 20_000,
        "<Tab a={" * 20_000,
        "<Tab a={{{{{{{{{" * 10_000,
        "<Tab a={{" + "{}x" * 40_000 + "\n/>",
        "<Tab\na={({\n" * 10_000,
        "<b-c>" * 20_000 + "</b-c>" * 20_000,
    ],
)
def test_many_tags_of_components_cost_little(text):
    assert render_text({"body": text}).html is not None


@pytest.mark.parametrize(
    ("written", "fragment"),
    [
        ("`titleCase`\n: A setting.", "titlecase"),
        ('## Copying {% addedin "0.9" %}\n\nx', "copying"),
        ("## Copying {{< new-in 0.9 />}}\n\nx", "copying"),
        ("## Debugging (🦀, 👩‍💻)\n\nx", "debugging-crab-woman-computer"),
        ('<div id="here"></div>\n\nx', "here"),
        ('<span id="here" />\n\nx', "here"),
        ("## Targets\n\nx\n\nTargets\n: A list.", "targets-1"),
    ],
)
def test_terms_templates_signs_and_empty_elements_have_the_names_that_generators_give(written, fragment):
    page = Page(page_of(f"[go](#{fragment})\n\n## Other\n\nx\n\n{written}"))
    assert page.links[0][0][1:] in page.ids and page.links[0][0].startswith("#s-")


def test_a_bare_address_in_a_link_of_html_is_its_words():
    page = Page(page_of('<a href="https://a.example/1" target="_blank">https://b.example/2</a> https://c.example'))
    assert page.links == [["https://a.example/1", "https://b.example/2"], ["https://c.example", "https://c.example"]]
    page = Page(page_of('<a href="{{ "https://a.example" | filter }}">words</a>'))
    assert page.links == [] and page.text.strip() == "words"


def test_a_tag_of_a_block_whose_partner_is_in_another_paragraph_is_left_out():
    assert "&lt;" not in page_of('<p id="x">Words of *one*\n\nand two</p>\n\n<li>three')
    assert "&lt;div&gt;" in page_of("Wrap it in a <div> element.")


@pytest.mark.parametrize(
    "written",
    [
        "one</a> two", "one <kbd class='x'>two", "one\n</code>\ntwo", "<summary>one</summary> two", "one <td>two",
        '<code style={{display: "block"}}>\none\n\ntwo', "<my-box a=b>one\n\ntwo <my-box>", "<template data-x>one two",
        "| a |\n|---|\n| one <pre><code>two</code></pre> |",
    ],
)  # fmt: skip
def test_markup_without_a_partner_in_its_paragraph_is_left_out_and_keeps_its_words(written):
    page = page_of(written)
    assert "&lt;" not in page and "one" in page and "two" in page


def test_names_of_elements_in_a_sentence_stay_text():
    assert page_of("Use a <kbd> or <main>, and end with </head>.").count("&lt;") == 3
    assert "&lt;/a href" in page_of('</a href="foo">')


def test_a_form_that_is_left_out_is_told():
    told = [finding.message for finding in findings({"title": "t", "body": "<form action='/x'>\n\nwords\n\n</form>"})]
    assert any("left out" in message and "<form" in message for message in told)


def test_an_embedded_document_without_an_address_stays_text():
    assert "srcdoc" in Page(page_of("<iframe srcdoc='<b>x</b>'></iframe>")).text


def test_a_reference_in_brackets_is_a_link_of_markdown_and_no_wiki_link():
    page = Page(page_of("[[*a* b]] and [[other]]\n\n[*a* b]: https://a.example"))
    assert page.links == [["https://a.example", "a"]] and page.text.strip() == "[a b] and [[other]]"


def test_an_address_of_another_scheme_is_no_link_with_attributes():
    assert page_of("<irc://chat.example/1>").strip() == "<p><a>irc://chat.example/1</a></p>"


def test_imports_of_components_are_left_out_and_told_and_other_lines_that_begin_so_are_not():
    imports = "import Tabs from '@theme/Tabs';\nimport {\n  Card,\n  Steps\n} from \"x\""
    body = f"{imports}\n\nWords.\n\nimport os, then go on from 'here' to there."
    html = page_of(body)
    assert html == "<p>Words.</p>\n<p>import os, then go on from 'here' to there.</p>\n"
    told = [finding.message for finding in findings({"title": "t", "body": body}) if "left out" in finding.message]
    assert len(told) == 1 and "2 × import …" in told[0]


def test_a_paragraph_of_tags_and_comments_alone_leaves_no_gap():
    assert re.sub(r"\s+", " ", page_of("a\n\n<Badge /> <!-- b -->\n\nc")).strip() == "<p>a</p> <p>c</p>"


def test_a_link_to_a_note_by_the_name_that_its_generator_gives_leads_to_it():
    page = Page(page_of("x[^b] y[^1] [see](#fn:1)\n\n[^1]: One.\n[^b]: Two."))
    assert [href for href, words in page.links if words == "see"] == ["#s-note_2"] and "s-note_2" in page.ids
