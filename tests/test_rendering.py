"""Markdown to safe HTML: what is rendered, what is shown as written, and that the sanitizer removes the rest."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from posts.rendering.images import contrast, drawn_image, is_allowed_image_url
from posts.rendering.markdown import render_text
from posts.rendering.parser import MAX_DEPTH
from posts.rendering.placeholders import placeholder_svg
from posts.rendering.sanitizer import sanitize
from tests.factories import make_post

HOSTS = ("images.unsplash.com", "dummyimage.com", "placehold.co")


def html_of(body, **record):
    return str(render_text({"body": body, **record}, image_hosts=HOSTS).html)


def test_headings_start_below_the_title_and_get_prefixed_ids_of_their_own():
    rendered = render_text({"body": "# Same\n\n## Under it\n\n# Same\n\n# متن"}, image_hosts=HOSTS)
    assert [(heading.level, heading.id) for heading in rendered.contents] == [
        (2, "s-same"),
        (3, "s-under-it"),
        (2, "s-same-2"),
        (2, "s-متن"),
    ]
    assert '<h2 id="s-same"><a class="permalink" href="#s-same"' in rendered.html and ">Same</h2>" in rendered.html


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ([1, 5, 2, 4, 6], [2, 3, 3, 4, 5]),
        ([2, 5, 5, 3, 2], [2, 3, 3, 3, 2]),
        ([6, 4, 4, 1], [2, 2, 2, 2]),
        ([1, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6, 6]),
        ([3, 4, 3], [2, 3, 2]),
    ],
)
def test_headings_go_down_one_level_at_a_time_whatever_the_text_says(written, shown):
    body = "\n\n".join(f"{'#' * level} Words" for level in written)
    rendered = render_text({"intro": "#### Before", "body": body}, image_hosts=HOSTS)
    assert [heading.level for heading in rendered.contents] == [2, *shown]
    assert [int(level) for level in re.findall("<h([2-6]) ", rendered.html)] == [2, *shown]


def tags_of(html):
    """Return [(tag, attributes)] as a parser reads them."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    assert found
    return found


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ('<a name="x" id="location" onclick="y()">z</a>', "onclick="),
        ("[a](javascript:alert(1))", "javascript:alert(1)"),
        ("[a](data:text/html,x)", "data:text/html"),
        ("![](javascript:alert(1))", "javascript:alert(1)"),
        ('```"><img src=x onerror=y>\nz\n```', "onerror"),
    ],
)
def test_what_could_run_stays_text(text, kept):
    html = html_of(text)
    assert kept in html or "![](" in html
    for tag, attributes in tags_of(html):
        assert tag not in ("script", "img", "iframe"), tag
        assert not attributes.keys() & {"onclick", "onerror", "name", "style"}, attributes
        assert not attributes.get("href", "").startswith(("javascript:", "data:")), attributes


def test_links_pass_nothing_on_and_lead_only_where_links_may():
    html = html_of("[a](https://a.example) [b](/b) [c](mailto:c@c.example) [d](ftp://d.example)")
    assert html.count('rel="nofollow ugc noopener"') == html.count("<a ")
    assert "https://a.example" in html and "mailto:c@c.example" in html and "ftp:" not in html


def test_sanitizing_twice_changes_nothing():
    once = sanitize('<p class="lede" onclick="x">a <b>b</b> <a href="/x" target="_blank">c</a></p><iframe></iframe>')
    assert sanitize(once) == once and "onclick" not in once and "iframe" not in once


def test_code_names_its_language_and_file_and_carries_classes_only():
    html = html_of("```go ledger.go\nfunc main() {}\n```")
    assert '<span class="code__language">Go</span><span class="code__file">ledger.go</span>' in html
    assert '<span class="kd">func</span>' in html and "style=" not in html


def test_a_table_scrolls_in_a_box_that_the_keyboard_reaches():
    html = html_of("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="table" tabindex="0" role="group" aria-label="Table"><table>' in html
    assert '<td class="number">2</td>' in html and "style=" not in html


def test_figures_and_checklist_stand_where_the_body_places_them_and_the_rest_follows():
    images = [{"url": f"https://images.unsplash.com/{n}", "caption": f"picture {n}"} for n in (1, 2, 3)]
    html = html_of("start\n\n![](image:2)\n\n[checklist]\n\nend ![](image:9)", image_sources=images, checklist=["tick"])
    order = [html.index(words) for words in ("start", 'id="image-2"', "tick", "end", 'id="image-1"', 'id="image-3"')]
    assert order == sorted(order)
    assert html.count("<figure") == 3 and "Image 9 does not exist" in html


def test_a_picture_of_an_unknown_host_is_its_caption_and_a_link():
    html = html_of("x", image_sources=[{"url": "https://other.example/a.jpg", "caption": "A chart", "source": "other"}])
    assert "A chart" in html and '<a href="https://other.example/a.jpg"' in html
    assert "<img" not in html and "<svg" not in html


def test_pictures_that_only_hold_words_are_drawn_here_in_colours_that_can_be_read():
    html = html_of("x", image_sources=[{"url": "https://dummyimage.com/1200x630/0f3d3e/fff.png&text=Drain+the"}])
    assert 'fill="#0f3d3e" color="#ffffff"' in html and "Drain the" in html and "<img" not in html
    html = html_of("x", image_sources=[{"url": "https://placehold.co/600x400/777/888/png?text=Pale"}])
    assert "drawn--plain" in html and "#777777" not in html and "Pale" in html


def test_a_picture_of_words_that_only_begin_its_caption_does_not_say_them_twice():
    url = "https://placehold.co/600x400/png?text=Leave+in+ord"
    image = {"url": url, "caption": "Leave in order"}
    html = html_of("x", image_sources=[image])
    assert html.count("Leave in ord") == 1 and 'class="placeholder"' in html
    assert drawn_image(url).words == "Leave in ord"
    html = html_of("x", image_sources=[image | {"caption": "The order of leaving"}])
    assert "<span>Leave in ord</span>" in html and 'class="hidden-text">Leave in ord<' in html


UNSPLASH = "https://images.unsplash.com/photo-1?w=1200"


@pytest.mark.parametrize(
    ("said", "alt"),
    [
        ({"caption": "A queue"}, ""),
        ({"caption": "A queue", "alt": "a queue."}, ""),
        ({"caption": "A queue", "alt": "Boxes on a belt"}, "Boxes on a belt"),
        ({"alt": "Boxes on a belt"}, "Boxes on a belt"),
        ({}, "Image 1"),
    ],
)
def test_the_alternative_text_of_a_picture_never_repeats_its_caption(said, alt):
    html = html_of("x", image_sources=[{"url": UNSPLASH, **said}])
    assert f' alt="{alt}"' in html
    assert html.lower().count("a queue") == ("caption" in said)
    # What a reader sees in place of a missing picture.
    assert (f'aria-hidden="true">{alt}</span>' in html) is bool(alt)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((600, 1200), (400, 800)),
        ((1200, 630), (896, 470)),
        ((2000, 200), (896, 90)),
        ((300, 200), (300, 200)),
        ((21, 1), None),
        ((1, 100_000), None),
        ((600, None), None),
    ],
)
def test_a_picture_whose_size_is_known_keeps_its_shape_while_it_loads(size, shown):
    image = {"url": UNSPLASH, "caption": "A chart", "width": size[0], "height": size[1]}
    html = html_of("x", image_sources=[{key: value for key, value in image.items() if value}])
    sizes = re.findall(r'<(img|svg)[^>]*? width="(\d+)" height="(\d+)"', html)
    expected = [("svg", *shown), ("img", *shown)] if shown else [("svg", 1200, 630)]
    assert [(tag, int(width), int(height)) for tag, width, height in sizes] == expected


def test_a_picture_is_a_link_to_its_file_that_says_what_it_does():
    html = html_of("x", image_sources=[{"url": UNSPLASH, "caption": "A chart"}])
    assert f'<a class="figure__frame" href="{UNSPLASH}"' in html and "Show image 1 in full" in html


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == 21 and contrast("#777777", "#777777") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize(
    "url",
    [
        "http://placehold.co/a",
        "https://placehold.co:443/a",
        "https://user@placehold.co/a",
        "https://placehold.co.evil.example/a",
        "https://evil.example\\@placehold.co/a",
        "https://placehold.co\\.evil.example/a",
        "https:/placehold.co/a",
        "https:\\\\placehold.co/a",
        "https://PLACEHOLD.CO/a",
        "https://placehold.co%2f@evil.example",
        "https://placehold.co\t/a",
        "https://placehold。co/a",
        "//placehold.co/a",
        " https://placehold.co/a",
        "https://placehold.co/" + "a" * 2000,
        "https://evil.example?https://placehold.co/",
        "https://evil.example#@placehold.co/",
    ],
)
def test_an_address_that_only_looks_allowed_is_not(url):
    assert not is_allowed_image_url(url, HOSTS)


@pytest.mark.parametrize("url", ["https://placehold.co/a", "https://placehold.co", "https://placehold.co?text=a#b"])
def test_an_address_on_an_allowed_host_is_allowed(url):
    assert is_allowed_image_url(url, HOSTS)


def test_a_placeholder_image_is_the_same_for_the_same_caption_and_holds_none_of_it():
    assert placeholder_svg("a caption") == placeholder_svg("a caption") != placeholder_svg("another caption")
    assert 'viewBox="442 0 315 630"' in placeholder_svg("a caption", 400, 800)
    assert re.fullmatch(r'[-a-zA-Z0-9_ ="<>/.]+', placeholder_svg('"><script>'))


TORTURE = {
    "brackets": "[" * 50_000,
    "quotes": ">" * 20_000,
    "open emphasis": "*a _b " * 30_000,
    "nested lists": "".join("  " * level + "* a\n" for level in range(900)),
    "a megabyte of brackets": "[" * 1_000_000,
    "images of nothing": "![[]()" * 100_000,
    "entities": "&" * 1_000_000,
    "tags": "<b " * 330_000,
    "nested tags": "<div>" * 100_000 + "words",
    "backticks": "".join("e" + "`" * length for length in range(1, 1300)),
    "links": "[a](<b" * 60_000,
    "combining marks": "e" + "\u0301" * 500_000,
    "fences": "```python\nx=1\n```\n" * 10_000,
    "one line": "x" * 1_000_000,
}


@pytest.mark.parametrize("name", TORTURE)
def test_a_text_made_to_hurt_is_rendered_or_stands_as_written(name):
    html = html_of(TORTURE[name])
    words = re.sub(r"\s+", "", re.sub(r"<[^>]*>", "", html))
    assert len(words) >= len(set(TORTURE[name].split())), "something of it must be there"


@pytest.mark.parametrize(("depth", "laid_out"), [(MAX_DEPTH - 2, True), (MAX_DEPTH + 1, False), (5000, False)])
@pytest.mark.django_db
def test_a_text_that_nests_too_deeply_is_shown_as_it_was_written(client, depth, laid_out):
    html = client.get(make_post(body=">" * depth + " the innermost words").get_absolute_url()).content.decode()
    assert "the innermost words" in html
    assert ("Shown as source" not in html) is laid_out
    assert ("&gt;&gt;&gt; the innermost words" in html) is not laid_out


def test_an_ordinary_long_article_is_laid_out():
    paragraph = (
        "Some **bold** words, a [link](https://a.example/b), `code` and _more_ in a paragraph of common length.\n\n"
    )
    assert "<strong>bold</strong>" in html_of(paragraph * 2000)


def test_a_link_whose_address_is_not_allowed_is_words_alone():
    html = render_text({"body": '[one](ftp://a.example/x "t") [two](image:3) ![three](image:9x) [four](/x)'}).html
    assert '<a title="t">one</a> <a>two</a> <a>three</a> <a href="/x" rel="nofollow ugc noopener">four</a>' in html


def test_the_label_of_a_code_block_holds_its_file_name_to_the_last_character():
    html = html_of("""```py title='a" onclick="b()<i>.py'\nx = 1\n```""")
    (label,) = re.findall(r'<pre tabindex="0" role="group" aria-label="([^"]*)">', html)
    assert unescape(label) == 'Code Python a" onclick="b()<i>.py'
    assert html_of("```go a.go\nx\n```").count('aria-label="Code Go a.go"') == 1


def test_a_link_to_the_title_leads_to_the_top_of_the_page():
    html = str(render_text({"title": "Migration from v7", "body": "[up](#migration-from-v7) [no](#other)"}).html)
    assert '<a href="#"' in html and '<a href="#other"' in html
