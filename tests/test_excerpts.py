"""What lists, descriptions and feeds say about a post whose record says nothing about itself."""

import re

import pytest

from posts.listing.excerpts import computed_minutes, excerpt_of
from posts.models import ListedText
from tests.factories import make_post
from tests.test_public_pages import words_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]
LONG = "Each of these words stands here for its length alone. " * 40


@pytest.mark.parametrize(
    ("record", "excerpt"),
    [
        ({"summary": "A  summary.\nTwo lines.", "intro": "An intro.", "body": "A body."}, "A summary. Two lines."),
        ({"intro": "An **intro** with [a link](https://x.example).", "body": "A body."}, "An intro with a link."),
        ({"summary": " ", "intro": "", "body": "A *body*.\n\nMore."}, "A body."),
        ({"body": "# Title\n\n## Why\nA body\nof two lines.\n\nMore."}, "A body of two lines."),
        ({"body": "Title\n=====\n\nA body."}, "A body."),
        ({"body": "![A picture](https://x.example/a.png)\n\n- an item\n- two\n\n> A quotation.\n\nA body."}, "A body."),
        (
            {"body": "<!-- A comment. -->\n\n```py\ncode = 1\n\nmore = 2\n```\n\n| a | b |\n|---|---|\n\nA body."},
            "A body.",
        ),
        ({"body": "[checklist]\n\n---\n\n> [!NOTE]\n> Mind.\n\n1. One.\n\nA body."}, "A body."),
        ({"body": "**Two** `words`, a*b* and 2*3 and *.py."}, "Two words, a b and 2 3 and .py."),
        ({"body": "## Only\n\n- one\n- two"}, "Only · one · two"),
        ({"body": "```\ncode\n```"}, ""),
        ({}, ""),
    ],
)
def test_an_excerpt_is_the_summary_or_the_intro_or_the_first_paragraph(record, excerpt):
    assert excerpt_of(record) == excerpt


def test_an_excerpt_that_is_cut_ends_after_a_word_with_a_sign():
    for record in ({"summary": LONG}, {"intro": LONG}, {"body": LONG}):
        for limit in range(60, 90):
            excerpt = excerpt_of(record, limit=limit)
            assert len(excerpt) <= limit and excerpt.endswith("…")
            assert LONG.startswith(excerpt.removesuffix("…")) and re.search(r"\w…$", excerpt)
    assert len(excerpt_of({"body": "x" * 900}, limit=80)) == 80


def test_every_surface_has_words_about_a_post_without_metadata(client):
    post = make_post(
        released=True, summary="", intro="", reading_time=None, body="## Why\n\nA heron *flies* home.\n\nMore."
    )
    make_post(released=True, summary="", body="The other one.", title="Newest")
    for address in ("/", "/articles/", "/stacks/go-services/"):
        assert "A heron flies home." in words_of(client.get(address).content.decode()), address
    page = client.get(post.get_absolute_url()).content.decode()
    assert '<meta name="description" content="A heron flies home.">' in page
    assert '<meta property="og:description" content="A heron flies home.">' in page
    assert '"description":"A heron flies home."' in page
    assert [item["summary"] for item in client.get("/feed.json").json()["items"]][1] == "A heron flies home."
    assert "A heron flies home. " in client.get("/feed/").content.decode()


def test_a_post_that_a_version_without_excerpts_listed_has_one_too(client):
    make_post(released=True, summary="", intro="", reading_time=None, body="A heron flies home.")
    ListedText.objects.update(line=None)
    text = words_of(client.get("/articles/").content.decode())
    assert "A heron flies home." in text and "1 min read (computed)" in text


def test_a_reading_time_that_nobody_stated_is_computed_and_says_so(client):
    long = make_post(released=True, reading_time=None, title="Herons computed", body="A heron flies. " * 400)
    make_post(released=True, reading_time=7, title="Herons stated", body="A heron flies. " * 400)
    article = words_of(client.get(long.get_absolute_url()).content.decode())
    assert "6 min read (computed)" in article
    for address in ("/", "/articles/", "/search/?q=herons"):
        text = words_of(client.get(address).content.decode())
        assert "6 min read (computed)" in text and re.search(r"7 min read(?! \(computed)", text), address


def test_words_of_every_script_take_time_to_read():
    assert computed_minutes({"body": "word " * 476}) == 2
    assert computed_minutes({"body": "字" * 952}) == 2
    assert computed_minutes({"body": "word", "reading_time": 3}) is None
    assert computed_minutes({"body": "…"}) is None and computed_minutes({"title": "A line of a list"}) is None
