"""What the documentation of generators lets authors write, and what of it reaches a page."""

import re
from html import unescape

import pytest

from posts.rendering.blocks import blocks_of
from posts.rendering.code_heads import read_code_head
from posts.rendering.markdown import render_text
from posts.rendering.sanitizer import sanitize


def page_of(body):
    """Return the HTML of a text; the sanitizer must leave it unchanged."""
    html = str(render_text({"body": body}).html)
    assert sanitize(html) == html
    return html


def text_of(html):
    """Return the words of HTML, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^<>]*>", " ", html)).split())


@pytest.mark.parametrize(
    ("written", "look", "title"),
    [
        (':::note{title="Mind"}\nWords\n:::', "note", "Mind"),
        (":::tip[My **title**]{.wide}\nWords\n:::", "tip", "My <strong>title</strong>"),
        (":::{warning} Mind\nWords\n:::", "warning", "Mind"),
        ("```{danger} Mind\nWords\n```", "danger", "Mind"),
        ("~~~~{note}\n:name: here\nWords\n~~~~", "note", "Note"),
        ('::: {.callout-tip title="Mind"}\nWords\n:::', "tip", "Mind"),
        ("{{< hint info >}}\nWords\n{{< /hint >}}", "note", "Info"),
        ("{{% notice warning %}}\nWords\n{{% /notice %}}", "warning", "Warning"),
        ('{{< alert title="Mind" color="danger" >}}\nWords\n{{< /alert >}}', "danger", "Mind"),
        ('{% hint style="danger" %}\nWords\n{% endhint %}', "danger", "Danger"),
        ("{% note primary %}\nWords\n{% endnote %}", "note", "Note"),
        ("{% alert primary %}\nWords\n{% endalert %}", "note", "Note"),
        ("> Words\n{: .prompt-tip }", "tip", "Tip"),
        ("Words\n{: .note .info}", "note", "Note"),
        ("/// note | Mind\n\nWords\n\n///", "note", "Mind"),
        ("//// danger\nWords\n////", "danger", "Danger"),
        ("/// admonition | Mind\n    type: warning\n\nWords\n///", "warning", "Mind"),
        ("/// tab | Linux\nWords\n///", "tab", "Linux"),
        ("{: .warning }\nWords", "warning", "Warning"),
    ],
)
def test_a_hint_of_any_generator_is_a_box_with_its_title(written, look, title):
    shown = f'<div class="box box--{look}"><p class="box__title">{title}</p>\n<p>Words</p>\n</div>'
    assert page_of(f"Before\n\n{written}\n\nAfter") == f"<p>Before</p>\n{shown}\n<p>After</p>\n"


@pytest.mark.parametrize(
    "written",
    [
        "> [!faq]- Open me\n> Words",
        '{{< details "Open me" >}}\nWords\n{{< /details >}}',
        '{{% details title="Open me" %}}\nWords\n{{% /details %}}',
        ":::{note} Open me\n:class: dropdown\nWords\n:::",
        '::: {.callout-note collapse="true" title="Open me"}\nWords\n:::',
    ],
)
def test_a_box_that_its_generator_folds_is_a_fold(written):
    assert page_of(written) == "<details>\n<summary>Open me</summary>\n<p>Words</p>\n</details>\n"


def test_hints_stand_in_hints_and_in_lists():
    html = page_of(
        "- item\n\n  {{< hint >}}\n  {{< hint danger >}}\n  Deep\n  {{< /hint >}}\n  Less\n  {{< /hint >}}\n"
    )
    assert html.count("<div") == html.count("</div>") == 2 and text_of(html) == "item Hint Danger Deep Less"


@pytest.mark.parametrize(
    "written",
    [
        "{{< hint info >}}\nWords",
        "{% endhint %}",
        "{{< tabs >}}\nx\n{{< /tabs >}}",
        "{% if x %}",
        "/// note\nx",
        "/// custom\nx\n///",
    ],
)
def test_a_template_without_an_end_or_a_meaning_here_stays_text(written):
    html = page_of(written)
    assert text_of(html) == " ".join(written.split()) and "box" not in html


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (":::{sidebar}\nx\n:::", "<p>x</p>\n"),
        ("::: code-group\n\nx\n\n:::", "<p>x</p>\n"),
        (":::column{width=50%} \n\nx\n\n:::\n\ny", "<p>x</p>\n<p>y</p>\n"),
        ("::: {layout-ncol=2}\nx\n\n::: {.inner}\ny\n:::\n\nz\n:::", "<p>x</p>\n<p>y</p>\n<p>z</p>\n"),
        (":::tab First\nx\n:::", '<p class="box__title">First</p>\n<p>x</p>\n'),
    ],
)
def test_of_a_container_that_only_its_site_knows_the_marks_are_left_out(written, shown):
    assert page_of(written) == shown
    assert any(tag.startswith(":::") for block in blocks_of(written)[0] for tag in block.left_out)


@pytest.mark.parametrize(
    ("opening", "closing", "language"),
    [
        ("{% highlight ruby linenos %}", "{% endhighlight %}", "Ruby"),
        ("{%- highlight ruby -%}", "{%- endhighlight -%}", "Ruby"),
        ('{{< highlight ruby "linenos=table" >}}', "{{< /highlight >}}", "Ruby"),
        ("{% codeblock lang:ruby title %}", "{% endcodeblock %}", "Ruby"),
        ("{{< code-toggle file=hugo lang=ruby >}}", "{{< /code-toggle >}}", "Ruby"),
        ("{{< code-toggle file=hugo >}}", "{{< /code-toggle >}}", ""),
        ("{% codeblock %}", "{% endcodeblock %}", ""),
    ],
)
def test_highlighted_code_of_a_template_keeps_every_character(opening, closing, language):
    html = page_of(f"{opening}\ndef a\n  b * c *= `d`\n\nend\n{closing}\n\n*After*")
    code = unescape(re.sub("<[^<>]*>", "", html.partition("<code>")[2].partition("</code>")[0]))
    assert code == "def a\n  b * c *= `d`\n\nend\n" and "<p><em>After</em></p>" in html
    assert ('code__language">Ruby<' in html) == bool(language)


@pytest.mark.parametrize(
    ("info", "name", "file_name"),
    [
        ("{code-block} python", "Python", ""),
        ("diff-js", "Diff", ""),
        ("[.env]", "", ".env"),
        ("{code-cell} ipython3", "ipython3", ""),
    ],
)
def test_the_head_of_code_names_the_language_alone(info, name, file_name):
    head = read_code_head(info)
    assert (head.name, head.file_name) == (name, file_name)


@pytest.mark.parametrize(
    "written",
    [
        "Words\n{: .wide }",
        "Words\n{:.wide #id}",
        "* Words\n{: .wide}",
        "* {:.wide} Words",
        "[Words](https://x.example){: target=\"_blank\" rel='x'}",
        "[Words](https://x.example){.md-button .md-button--primary}",
        "*Words*{: .red}",
        "`Words`{.js}",
        "![Words](https://x.example/a.png){width=50%}",
        "## Words {.unnumbered}",
        "## Words {-}",
        '## Words {.a data-b="1"}',
        "## Words\n{: .wide }",
        "{% raw %}Words{% endraw %}",
        "{% raw %}\nWords\n{% endraw %}",
        "[Words]({{ site.repository }}/issues/1)",
        '[Words]({{ page.url }} "title")',
        "[TOC]\n\nWords",
        "[[_TOC_]]\n\nWords",
        "{{< toc >}}\n\nWords",
        "* The contents\n{:toc}\n\nWords",
    ],
)
def test_an_attribute_list_is_no_text_and_neither_is_the_place_of_the_contents(written):
    assert text_of(page_of(written)) == "Words"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Words {not=this}", "Words {not=this}"),
        ("`code` {.js}", "code {.js}"),
        ("{only} words", "{only} words"),
        ("{: an aside in braces }", "{: an aside in braces }"),
        ("* One\n* Two\n{:toc}", "One Two"),
        ("* One\n\n[toc]", "One"),
        ("[toc]\n\n[toc]: https://x.example", "toc"),
    ],
)
def test_what_is_no_attribute_list_stays(written, shown):
    assert text_of(page_of(written)) == shown


def test_an_attribute_list_below_gives_a_heading_its_id_and_code_its_language():
    html = page_of("# Words\n{: #own .wide}\n\n[up](#own)\n\n~~~\nx = 1\n~~~\n{: .language-python}\n")
    assert 'id="s-own"' in html and 'href="#s-own"' in html and 'code__language">Python<' in html


def test_a_note_in_its_place_is_a_note_with_every_word():
    html = page_of(
        "One^[A *note* with [a link](https://x.example) and `]`.] two[^1]^[Third.].\n\n[^1]: Second^[Fourth.]."
    )
    assert re.findall(r'aria-label="Note (\d)"', html) == ["1", "2", "3", "4"]
    notes = [text_of(note) for note in html.partition("<ol>")[2].split("</li>")[:4]]
    assert [note.rstrip(" ↩︎") for note in notes] == ["A note with a link and ] .", "Second 4 .", "Third.", "Fourth."]
    assert [block.setting for block in blocks_of("One^[Words].")[0]] == ["paragraph", "paragraph, note [1]"]


@pytest.mark.parametrize("written", ["2^[3", "x^[2](https://x.example)", "^[]", "a^[b\n\nc]", "`^[code]`"])
def test_what_is_no_note_in_its_place_keeps_its_signs(written):
    assert "note" not in page_of(written)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"so \(x^2\) is", "so x² is"),
        (r"so \\(x_1\\) is", "so x₁ is"),
        (r"so \\[\alpha\\] is", "so α is"),
        ("\\[\n\\frac{a}{b}\n\\]", "a/b"),
        ("```math\n\\sqrt{x}\n```", "√x"),
        ("```{math}\nx^2\n```", "x²"),
        (r"\(an aside\) and \[no link\]", "(an aside) and [no link]"),
        (r"\(see a_name\)", "(see a_name)"),
        ("\\[\n\nwords\n\n\\]", "[ words ]"),
    ],
)
def test_formulas_between_brackets_read_as_text_and_escaped_brackets_stay(written, shown):
    assert text_of(page_of(written)) == shown


@pytest.mark.parametrize(
    ("fragment", "number"), [("setup-1", 1), ("setup-1-1", 2), ("setup-2", 3), ("setup_1", 1), ("setup", 0)]
)
def test_a_number_that_a_heading_has_itself_is_not_given_again(fragment, number):
    html = page_of(f"## Setup\n\n## Setup\n\n## Setup 1\n\n## Setup\n\n[up](#{fragment})")
    ids = re.findall(r'<h2 id="([^"]*)"', html)
    assert f'<a href="#{ids[number]}" rel="nofollow ugc noopener">up</a>' in html


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<del>\n\n*a*\n\nb\n\n</del>\n\nc", "<p><s><em>a</em></s></p>\n<p><s>b</s></p>\n\n<p>c</p>\n"),
        (
            "<b>a\n\n- b\n- c</b> d",
            "<strong>a</strong></p>\n<ul>\n<li><strong>b</strong></li>\n<li><strong>c</strong> d",
        ),
        ('<a href="/x">\n\nwords\n\n</a>', '<p><a href="/x" rel="nofollow ugc noopener">words</a></p>'),
        ("Say <b> for bold.\n\nEnd it by `</b>`.", "Say &lt;b&gt; for bold."),
        ("<del>\n\nwithout an end", "<p>&lt;del&gt;</p>"),
    ],
)
def test_a_tag_over_paragraphs_means_the_same_in_each(written, shown):
    assert shown in page_of(written)


def test_tags_over_thousands_of_paragraphs_cost_no_more_than_a_bounded_number():
    html = page_of("".join(f"<{tag}>\n\n" for tag in ("b", "i", "s", "mark")) + "x\n\n" * 6000 + "</b></i></s></mark>")
    assert html.count("<strong>") == 6003 and html.count("<mark>") == 0


def test_thousands_of_tags_in_a_line_cost_little():
    """Each would be compared with all others otherwise, which takes minutes."""
    assert text_of(page_of("<b>" + "</b>" * 60_000)) == ""
    assert page_of("<b>\n\nx" + "</b>" * 60_000).strip() == "<p><strong>x</strong></p>"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("<?php\n$a *= 2; $b *= 3;\n\n?>\n\nrest", "<?php\n$a *= 2; $b *= 3;\n\n?>\n"),
        ("<![CDATA[\na *= b; c *= d\n]]> rest", "<![CDATA[\na *= b; c *= d\n]]>\n"),
    ],
)
def test_programs_and_data_in_a_text_keep_every_character(written, code):
    html = page_of(written)
    shown = html.partition("<code>")[2].partition("</code>")[0]
    assert unescape(re.sub("<[^<>]*>", "", shown)) == code and "<p>rest</p>" in html


def test_a_program_in_a_line_keeps_its_signs_and_the_type_of_a_document_is_left_out():
    assert page_of("Say <?= $a *= b; $c *= d ?>.") == "<p>Say &lt;?= $a *= b; $c *= d ?&gt;.</p>\n"
    assert page_of("Say <? *so*.") == "<p>Say &lt;? <em>so</em>.</p>\n"
    assert text_of(page_of("<!DOCTYPE html>\n\nWords")) == "Words"


def test_what_is_indented_below_a_tag_is_no_code():
    table = "<div>\n    <p>\n        alpha\n    </p>\n    - one\n        - two\n</div>\n\n    code"
    html = page_of(table)
    assert "&lt;" not in html and html.count("<code>") == 1 and html.count("<ul>") == 2
    assert "<code>" not in page_of("<section>\n\t<b>alpha</b>\n</section>")


def test_a_picture_in_a_link_written_as_a_tag_gives_the_link_its_words():
    html = page_of('<a href="https://x.example">![Words](https://x.example/a.png)</a>')
    assert ">Words</a> (<a href=" in html and "&lt;" not in html


def test_a_figure_of_hugo_is_an_image_with_its_caption():
    html = page_of('{{< figure src="https://i.example/a.png" alt="A chart" caption="Growth" width="600" >}}')
    assert '<a href="https://i.example/a.png"' in html and text_of(html) == "A chart (Growth)"
    assert "figure" in page_of('{{< figure src="javascript:x()" >}}')


@pytest.mark.parametrize(
    "written",
    [
        "Words <!-- one --> more",
        "<!-- one --> Words <!-- one\none --> more",
        "<!-- one\none --> Words more",
        "- <!-- one\n  one --> Words more",
        "> <!-- one\n> one --> Words more",
        "Words %%one%% more",
    ],
)
def test_no_part_of_a_comment_in_a_line_is_shown(written):
    html = page_of(written)
    assert text_of(html) == "Words more" and "one" not in html


def test_two_per_cent_signs_are_no_comment_in_a_format():
    assert text_of(page_of("100%% sure, %%d%%s and %%time")) == "100%% sure, %%d%%s and %%time"


def test_a_link_to_a_heading_with_an_emoji_has_its_name_as_on_github():
    assert '<p><a href="#s-a-party"' in page_of("# A :tada: party\n\n[a](#a-tada-party)")
