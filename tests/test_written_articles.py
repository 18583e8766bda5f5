"""The written articles of the demo: what they promise about their length, their sentences, their code and pictures."""

import json
import re
import tomllib
from collections import Counter
from xml.etree import ElementTree

import pytest
import yaml
from django.conf import settings
from django.urls import reverse

from posts.content_checks.registry import checks_key, findings
from posts.listing.article_html import hosts_key
from posts.records.schema import validate_record
from posts.rendering.images import is_allowed_image_url, loaded_pictures, picture_addresses
from posts.rendering.markdown import render_text
from posts.synthesis.written import written_records
from tests.factories import make_post, person

BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECORDS = {record["slug"]: record for record in written_records()}
every_article = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)


def text_of(record):
    return f"{record['intro']}\n\n{record['body']}"


def blocks_of(record, *languages):
    return [code for language, code in BLOCK.findall(text_of(record)) if language in languages]


def sentences_of(record):
    """Return the sentences of a text outside of code and tables, each once for each place."""
    prose = re.sub(r"^(#+ .*|\|.*|!\[.*|\[checklist\])$", "", BLOCK.sub("", text_of(record)), flags=re.MULTILINE)
    prose = re.sub(r"^(?:[-*]|\d+\.) ", "\n", prose, flags=re.MULTILINE)
    found = re.split(r"(?<=[.!?])\s+|\n\n", prose)
    return [sentence for sentence in (" ".join(part.split()) for part in found) if sentence]


def test_there_are_twelve_articles_with_titles_of_their_own():
    assert len(RECORDS) == 12
    assert len({record["title"] for record in RECORDS.values()}) == 12


@every_article
def test_an_article_is_a_valid_record_that_tells_what_it_is_about(record):
    assert validate_record(record).to_dict()["slug"] == record["slug"]
    for field in ("title", "summary", "topic", "stack", "tools", "difficulty", "tags", "entities", "checklist"):
        assert record[field], field
    assert "authors" not in record and "published_on" not in record


@every_article
def test_an_article_has_800_to_1500_words(record):
    assert len(BLOCK.sub("", text_of(record)).split()) >= 800
    assert len(text_of(record).split()) <= 1500


def test_no_sentence_is_written_twice():
    counted = Counter(sentence for record in RECORDS.values() for sentence in sentences_of(record))
    assert [sentence for sentence, count in counted.items() if count > 1] == []
    summaries = [record["summary"] for record in RECORDS.values()]
    assert len(set(summaries)) == 12 and not set(summaries) & set(counted)
    assert max(Counter(item for record in RECORDS.values() for item in record["checklist"]).values()) == 1


@every_article
def test_the_python_of_an_article_runs_and_its_own_assertions_hold(record):
    space = {"__name__": "example"}
    for number, code in enumerate(blocks_of(record, "python"), 1):
        exec(compile(code, f"{record['slug']}, block {number}", "exec"), space)  # noqa: S102 (our own text)


@every_article
def test_the_data_in_an_article_parses(record):
    for languages, parse in ((("json",), json.loads), (("toml",), tomllib.loads), (("yaml", "yml"), yaml.safe_load)):
        for code in blocks_of(record, *languages):
            parse(code)


@every_article
def test_the_site_finds_nothing_to_say_about_an_article(record):
    assert findings(record) == []


@every_article
def test_pictures_are_files_of_this_site_with_everything_that_a_picture_needs(record):
    for image in record["image_sources"]:
        assert is_allowed_image_url(image["url"], ())
        assert image["caption"] and image["alt"] and image["source"] and image["licence"]
        file = settings.BASE_DIR / "static" / image["url"].removeprefix(f"{settings.SITE_URL}{settings.STATIC_URL}")
        drawing = ElementTree.parse(file).getroot()  # noqa: S314 (our own file)
        assert (drawing.get("width"), drawing.get("height")) == (str(image["width"]), str(image["height"]))
        # On a phone an article is 350 pixels wide, and its smallest words are then 10 pixels high.
        smallest = min(float(words.get("font-size")) for words in drawing.findall(".//{*}text"))
        assert smallest * 350 / image["width"] >= 10
        # Opened alone, a static file may load and run nothing; it brings its own ground for light and dark pages.
        assert {element.tag.rpartition("}")[2] for element in drawing.iter()} <= {
            "svg", "g", "title", "rect", "path", "text", "polyline", "circle"
        }  # fmt: skip
        assert drawing.find("{*}rect").get("fill") == "#f6f7f6"


def test_at_least_four_articles_have_a_drawing():
    assert sum(bool(record["image_sources"]) for record in RECORDS.values()) >= 4


@pytest.mark.django_db
def test_readers_see_the_drawing_of_an_article(client):
    record = RECORDS["keyset-pagination"]
    post = make_post(released=True, **{key: value for key, value in record.items() if key not in ("source_id", "slug")})
    html = client.get(post.get_absolute_url()).content.decode()
    assert '<img src="/static/articles/keyset.svg"' in html
    assert "drawn for this article" in html


@pytest.mark.parametrize(
    "path",
    [
        "/static/a.svg?x=1",
        "/static/a.svg#x",
        "/static/../admin/a.svg",
        "/static/a/../../x.png",
        "/static/%2e%2e/a.png",
        "/static//a.png",
        "/static/a.js",
        "/static/a.svg/",
        "/static/.a.svg",
        "/posts/a.svg",
        "/admin/logout/a.png",
        "/static/a.svg\n",
        ".evil.example/static/a.svg",
        "@evil.example/static/a.svg",
        "/static/a b.svg",
        "/static/ä.svg",
    ],
)
def test_other_addresses_of_this_site_are_no_pictures(path):
    url = f"{settings.SITE_URL}{path}"
    assert not is_allowed_image_url(url, ())
    image = {"url": url, "caption": "One"}
    assert "<img" not in str(render_text({"body": "![](image:1)", "image_sources": [image]}, image_hosts=()).html)


@pytest.mark.parametrize(
    "moved_from", ["http://127.0.0.1:8000", "http://127.0.0.1", "https://127.0.0.1:8443", "http://127.0.0.1:8001"]
)
def test_pictures_of_this_site_are_found_when_it_moves_to_another_port(settings, moved_from):
    settings.SITE_URL = "http://127.0.0.1:8001"
    url = f"{moved_from}/static/articles/a-b_c.2.png"
    assert is_allowed_image_url(url, ())
    record = {"body": "![](image:1)", "image_sources": [{"url": url, "caption": "One"}]}
    html = str(render_text(record, image_hosts=()).html)
    assert '<img src="/static/articles/a-b_c.2.png"' in html and "127.0.0.1" not in html
    assert loaded_pictures(picture_addresses(record)) == ["http://127.0.0.1:8001/static/articles/a-b_c.2.png"]


@pytest.mark.django_db
def test_an_editor_sees_the_drawing_too_when_the_site_has_moved(client, settings):
    settings.SITE_URL = "http://127.0.0.1:8001"
    image = {"url": "http://127.0.0.1:8000/static/articles/keyset.svg", "caption": "One"}
    post = make_post(image_sources=[image])
    client.force_login(person("Editors"))
    form = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    assert '<img class="thumb" src="/static/articles/keyset.svg"' in form


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:8000@evil.example",
        "http://user@127.0.0.1",
        "http://127.0.0.1:80:80",
        "http://127.0.0.1:",
        "http://127.0.0.1:8000.evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://localhost:8000",
        "//127.0.0.1:8000",
        "ftp://127.0.0.1",
    ],
)
def test_pictures_below_the_same_path_of_another_host_are_not_of_this_site(settings, elsewhere):
    settings.SITE_URL = "http://127.0.0.1:8001"
    assert not is_allowed_image_url(f"{elsewhere}/static/a.png", ())


def test_stored_articles_outlive_a_change_of_the_port_and_not_of_the_host(settings, db):
    settings.SITE_URL = "http://127.0.0.1:8000"
    keys = (hosts_key(), checks_key())
    settings.SITE_URL = "http://127.0.0.1:8001"
    assert (hosts_key(), checks_key()) == keys
    settings.SITE_URL = "http://127.0.0.2:8001"
    assert hosts_key() != keys[0] and checks_key() != keys[1]
