"""One hostile record in every output format, read back by a parser of that format."""

import csv
import email.policy
import io
import json
import logging
import re
import sys
from email.message import Message
from email.parser import BytesParser

import feedparser
import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command, get_commands, load_command_class
from django.urls import reverse
from django.utils.encoding import iri_to_uri
from lxml import etree
from protego import Protego

from posts.export.records import export_posts, posts_as_csv
from posts.importing.pipeline import import_posts
from posts.logs import JsonFormatter, LineHandler
from posts.management.base import BaseCommand
from posts.models import FormerSlug, ImportIssue, OutgoingMessage, Post
from posts.operations import flag_post
from posts.outbox.send import send_due_messages
from posts.public.sitemaps import URLS_PER_FILE
from posts.rendering.control_characters import html_text, terminal_text
from tests.factories import RecordFactory, approve, import_records, make_post, person

# What escapes a format is decided after the database gave the text.
pytestmark = [pytest.mark.django_db, pytest.mark.once]

WORDS = (
    "<img src=x onerror=alert(1)> Vec<T> & &amp; \"double\" 'single' ]]> --> </script><script>alert(1)</script> "
    "</title></textarea> {{ 7*7 }} ${7*7} \u2028line\u2029 \x85next bell\x07 escape\x1b[31m delete\x7f c1\x9b31m "
    "form\x0cfeed no\ufffecharacter 😀 é"
)
TURNED = "\u202egnp.exe\u2066"
PICTURE = "https://images.unsplash.com/a?x=<b>&y=\"'&z=]]>%0d%0a"
RECORD = {
    "source_id": "hostile-<img>-&-\"'",
    "reference": '=HYPERLINK("http://evil.example")',
    "title": WORDS,
    "summary": f"{WORDS}\r\nSet-Cookie: a=b\r\n\r\n{TURNED}" + " very long" * 2_000,
    "intro": WORDS,
    "body": f"## {WORDS}\n\n{WORDS}\n\n```go\n{WORDS}\n```\n\n{TURNED}",
    "topic": f"@SUM(1) {WORDS}"[:300],
    "stack": [f"\u200b=cmd|' /C calc'!A0 {WORDS}", "Go services"],
    "tools": [f"-2+3 {WORDS}"],
    "tags": [WORDS, f"+1 {TURNED}"],
    "authors": [WORDS],
    "entities": [{"name": WORDS, "type": "<b>"}],
    "image_sources": [{"url": PICTURE, "caption": WORDS, "alt": WORDS, "source": WORDS[:300]}],
    "payload": {WORDS: [WORDS, TURNED], "generator": WORDS},
    "notes": [WORDS],
    "checklist": [WORDS],
}
# Control characters as bytes of UTF-8; text may hold tabs and line ends.
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")


@pytest.fixture
def post():
    """Return an approved post of the hostile record, in all lists."""
    import_records(RECORD)
    post = approve(Post.objects.get(source_id=RECORD["source_id"]))
    assert post.title == WORDS and post.is_indexable
    return post


def page_of(response):
    assert response.status_code == 200
    assert not CONTROLS.search(response.content)
    return etree.HTML(response.content.decode())


def no_stranger(page):
    """Assert that a page runs and loads nothing that the site did not put there."""
    for element in page.iter(etree.Element):
        assert not any(name.startswith("on") or name == "style" for name in element.attrib), element.attrib
    sources = {script.get("src") for script in page.iter("script") if script.get("type") != "application/ld+json"}
    assert all(source and source.startswith("/static/") for source in sources)
    hosts = {image.get("src", "").split("?")[0] for image in page.iter("img")}
    assert hosts <= {"https://images.unsplash.com/a"}


def words_of(element):
    return "".join(element.itertext())


def test_the_page_of_an_article_holds_the_words_as_words(client, post):
    page = page_of(client.get(post.get_absolute_url()))
    no_stranger(page)
    (title,) = page.iter("h1")
    assert words_of(title) == html_text(WORDS)
    sheet = words_of(page.xpath("//*[@id='post-meta']")[0])
    assert html_text(WORDS) in sheet and TURNED in sheet


def test_open_graph_and_meta_attributes_hold_the_words_as_words(client, post):
    head = page_of(client.get(post.get_absolute_url())).find("head")
    said = {tag.get("property") or tag.get("name"): tag.get("content") for tag in head.iter("meta")}
    assert said["og:title"] == html_text(WORDS)
    assert said["og:description"] == said["description"] and said["description"].startswith(html_text(WORDS)[:80])
    assert said["og:image"] == PICTURE
    assert [tag.get("content") for tag in head.xpath("meta[@property='article:tag']")][-2] == html_text(WORDS)


def test_json_ld_is_data_of_the_script_element_that_it_stands_in(client, post):
    page = page_of(client.get(post.get_absolute_url()))
    (block,) = page.xpath("//script[@type='application/ld+json']")
    assert not set("<>&\u2028\u2029") & set(block.text)
    article = next(part for part in json.loads(block.text)["@graph"] if part["@type"] == "TechArticle")
    # JSON writes most control characters out, so that they are data here; a page holds none as they are.
    assert html_text(article["headline"]) == html_text(WORDS)
    assert [image["url"] for image in article["image"]] == [iri_to_uri(PICTURE)]


@pytest.mark.parametrize("address", ["/", "/articles/", "/tags/", "/search/?q=Vec%3CT%3E", "/how-this-site-is-made/"])
def test_lists_and_search_hold_the_words_as_words(client, post, address):
    page = page_of(client.get(address))
    no_stranger(page)
    if address in ("/", "/articles/"):
        assert " ".join(html_text(WORDS).split()) in " ".join(words_of(page).split())


def test_what_somebody_searched_for_comes_back_as_words(client):
    page = page_of(client.get("/search/", {"q": WORDS.replace("\x00", "")[:200]}))
    no_stranger(page)
    assert "<img src=x onerror" in page.xpath("//input[@name='q']")[0].get("value")


def test_the_page_of_an_error_holds_no_word_of_the_request_as_markup(client, post):
    answer = client.get("/posts/<img src=x onerror=alert(1)>\x07/")
    assert answer.status_code == 404 and not CONTROLS.search(answer.content)
    no_stranger(etree.HTML(answer.content.decode()))


def test_atom_holds_words_for_words_in_titles_summaries_and_categories(client, post):
    content = client.get("/feed/").content
    feed = feedparser.parse(content, sanitize_html=False)
    assert not feed.bozo
    (entry,) = feed.entries
    for said in (entry.title, entry.summary, entry.tags[0].term):
        assert "<img src=x onerror=alert(1)> Vec<T> & &amp;" in said
    assert entry.title_detail.type == entry.summary_detail.type == "text/plain"
    # What a program does that knows nothing but XML and RFC 4287.
    tree = etree.fromstring(content)
    (article,) = tree.iterfind(".//{*}entry/{*}content")
    assert article.get("type") == "html"
    no_stranger(etree.HTML(article.text))
    for element in tree.iterfind(".//{*}entry//*"):
        if element is not article:
            assert element.get("type", "text") in ("text", "text/html"), "only words, and links to pages"
    assert not tree.findall(".//{*}img") and "\x07" not in words_of(tree)


def test_json_feed_holds_the_words_to_the_letter(client, post):
    (item,) = json.loads(client.get("/feed.json").content)["items"]
    assert item["title"] == WORDS
    assert item["summary"].startswith(" ".join(WORDS.split())[:200])
    no_stranger(etree.HTML(item["content_html"]))
    assert item["image"] == PICTURE


def test_the_sitemap_holds_addresses_and_nothing_else(client, post):
    tree = etree.fromstring(client.get(f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml").getvalue())
    assert [place.text for place in tree.iterfind("{*}url/{*}loc")] == [
        f"http://127.0.0.1:8000{post.get_absolute_url()}"
    ]
    (picture,) = tree.iterfind(".//{*}image/{*}loc")
    assert re.fullmatch(r"[!-~]+", picture.text) and not set('<>"') & set(picture.text)
    assert picture.text.startswith("https://images.unsplash.com/a?x=%3Cb%3E&y=%22'")


def test_the_api_and_the_public_record_hold_the_words_to_the_letter(client, post):
    for address in (reverse("posts:record", args=[post.slug]), reverse("posts:api-post", args=[post.slug])):
        answer = client.get(address)
        assert answer["Content-Type"] == "application/json" and answer["X-Content-Type-Options"] == "nosniff"
        record = json.loads(answer.content)["record"]
        assert record["title"] == WORDS and record["payload"] == {WORDS: [WORDS, TURNED], "generator": WORDS}
    (item,) = json.loads(client.get("/api/posts/").content)["posts"]
    assert item["record"]["tags"] == RECORD["tags"]


def test_a_problem_of_the_api_is_json_and_repeats_no_word_of_the_request(client):
    for query in ({"limit": WORDS}, {WORDS: "1"}, {"cursor": WORDS}, {"reviewed_since": WORDS}):
        answer = client.get("/api/posts/", query)
        assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"
        assert "onerror" not in json.dumps(json.loads(answer.content))


def test_openapi_is_json_and_holds_no_word_of_a_record(client, post, settings):
    settings.SITE_NAME = WORDS
    document = json.loads(client.get("/api/openapi.json").content)
    assert document["info"].pop("title") == f"{WORDS} API"
    assert "onerror" not in json.dumps(document)


def test_no_cell_of_a_csv_file_runs_and_each_row_is_one_row(post):
    lines = "".join(posts_as_csv(Post.objects.all())).removeprefix("\ufeff")
    (row,) = csv.DictReader(io.StringIO(lines, newline=""))
    assert row["title"] == WORDS
    for name in ("reference", "topic", "stack", "tools"):
        assert row[name].startswith("'"), name
    assert row["reference"] == "'" + RECORD["reference"]


@pytest.mark.parametrize(
    "start", ["\u200b=1", "\u202e+1", "\x07-1", "\x1b@a", "\xa0=1", " \t=1", "\ufeff=1", "\x01\x02＝1"]
)
def test_what_is_not_seen_before_a_formula_does_not_hide_it(start):
    make_post(topic=f"a {start}", tags=[start], stack=[start])
    (row,) = csv.DictReader(io.StringIO("".join(posts_as_csv(Post.objects.all())).removeprefix("\ufeff"), newline=""))
    assert row["stack"].startswith("'") and row["topic"].startswith("a ")


def test_a_record_in_json_lines_is_one_line_to_every_program_and_comes_back_as_it_was(post):
    stream = io.BytesIO()
    assert export_posts(stream) == 1
    text = stream.getvalue().decode()
    (line,) = text.splitlines()
    assert json.loads(line)["title"] == WORDS and json.loads(line)["payload"][WORDS] == [WORDS, TURNED]
    assert import_records(json.loads(line)).unchanged == 1


def test_a_line_of_the_log_is_one_line_of_plain_ascii(caplog):
    record = logging.LogRecord("posts", logging.ERROR, __file__, 1, "%s", (f"{WORDS}\r\n{TURNED}",), None)
    try:
        raise ValueError(WORDS)
    except ValueError:
        record.exc_info = sys.exc_info()
    line = JsonFormatter().format(record)
    assert line.isascii() and line.isprintable()
    assert json.loads(line)["event"] == f"{WORDS}\r\n{TURNED}" and WORDS in json.loads(line)["exception"]


def test_the_line_of_a_request_holds_its_path_percent_encoded(client, caplog):
    with caplog.at_level(logging.INFO, logger="alphanode.request"):
        client.get("/posts/%0d%0aforged%1b[31m%e2%80%ae/")
    (record,) = [record for record in caplog.records if record.name == "alphanode.request"]
    assert record.path == "/posts/%0D%0Aforged%1B%5B31m%E2%80%AE/"


def test_the_log_gets_the_line_of_a_request_as_a_watcher_of_it_does(client, caplog, request):
    stream = io.StringIO()
    handler = LineHandler(stream)
    handler.setFormatter(JsonFormatter())
    caplog.handler.setFormatter(JsonFormatter())
    logging.getLogger("alphanode").addHandler(handler)
    request.addfinalizer(lambda: logging.getLogger("alphanode").removeHandler(handler))
    with caplog.at_level(logging.INFO, logger="alphanode.request"):
        client.get('/posts/"%0d%0aforged%1b[31m%e2%80%ae\\/')
    written = stream.getvalue()
    assert written.isascii() and written.count("\n") == 1 and written == caplog.text
    line = json.loads(written)
    assert line["path"] == "/posts/%22%0D%0Aforged%1B%5B31m%E2%80%AE%5C/"
    assert {"event", "level", "logger", "timestamp", "version", "method", "route", "status", "ms"} <= line.keys()


def test_the_name_of_a_downloaded_file_is_ours_alone(client, superuser, post):
    import_records({"source_id": "a", "title": WORDS, "body": 7})
    issue = ImportIssue.objects.get()
    client.force_login(superuser)
    changelist = reverse("admin:posts_post_changelist")
    answers = [
        client.post(changelist, {"action": action, "_selected_action": [post.pk]})
        for action in ("export_csv", "export_json_lines")
    ]
    answers.append(client.get(reverse("admin:posts_importbatch_rows", args=[issue.batch_id, "refused"])))
    names = []
    for answer in answers:
        message = Message()
        message["Content-Disposition"] = answer["Content-Disposition"]
        assert message.get_content_disposition() == "attachment"
        names.append(message.get_filename())
    assert names == ["posts.csv", "posts.jsonl", f"import-{issue.batch_id}-refused.jsonl"]


def test_an_address_in_a_header_holds_nothing_that_a_header_could_take_for_its_end(client, post):
    FormerSlug.objects.create(slug="/old/a\r\nset-cookie: a=b", post=post)
    for path in ("/old/a%0d%0aSet-Cookie:%20a=b", f"/old/{post.slug}%0d%0aa"):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers and answer.status_code in (301, 404)
        assert re.fullmatch(r"/posts/[a-z0-9-]+/|", answer.headers.get("Location", ""))
    for name, value in client.get(post.get_absolute_url()).headers.items():
        assert value.isascii() and value.isprintable(), name


def test_robots_and_security_files_hold_lines_of_ours_alone(client, post, settings):
    settings.SITE_CONTACT = "a@b.example\r\nDisallow: /\x1b"
    lines = client.get("/.well-known/security.txt").content.decode().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Contact", "Expires", "Preferred-Languages", "Canonical"]
    robots = Protego.parse(client.get("/robots.txt").content.decode())
    assert robots.can_fetch(f"http://127.0.0.1:8000{post.get_absolute_url()}", "anybot")


def test_no_command_sends_a_character_that_a_terminal_obeys(tmp_path):
    hostile = "post\x1b]0;owned\x07\nImport 9999999: 0 refused \u202e.md"
    folder = tmp_path / "site"
    folder.mkdir()
    try:
        (folder / hostile).write_text(f"---\ntitle: [1\n---\n{WORDS}", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes no such name")
    (folder / "good.md").write_text(
        f'---\ntitle: "a\\u009b31m\\x7f {TURNED}"\n"key\\x1b[2J": 1\n---\nWords.', encoding="utf-8"
    )
    for options in (["--dry-run"], []):
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("import_posts", str(folder), "--format", "markdown", *options, stdout=out, stderr=err)
        except Exception as error:
            err.write(terminal_text(str(error)))
        said = out.getvalue() + err.getvalue()
        assert "owned" in said and "\\x1b]0;owned" in said
        assert not CONTROLS.search(said.encode()) and not re.search("[\u202a-\u202e\u2066-\u2069]", said)
        assert not any(line.startswith("Import 9999999") for line in said.splitlines())


def test_every_command_of_ours_writes_out_what_a_terminal_would_obey(capsys):
    # What migrate writes is Django's.
    ours = [name for name, app in get_commands().items() if app == "posts" and name != "migrate"]
    assert len(ours) >= 18
    for name in ours:
        assert isinstance(load_command_class("posts", name), BaseCommand), name
    command = load_command_class("posts", "rank_queue")
    command.stdout.write(f"{WORDS}{TURNED}\ud800")
    command.stderr.write(f"{WORDS}{TURNED}")
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert not CONTROLS.search(text.encode()) and TURNED[0] not in text and "bell\\x07 escape\\x1b[31m" in text


@pytest.mark.parametrize("words", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("field", ["title", "summary", "body", "hash"])
def test_what_no_format_can_hold_is_refused_on_entry(words, field):
    line = json.dumps(RecordFactory(**{field: words})).encode()
    batch = import_posts(io.BytesIO(line), name="test.jsonl")
    assert (batch.refused, batch.rows) == (1, 1) and not Post.objects.exists()


def test_mail_is_plain_text_with_one_line_for_a_subject(post, settings):
    settings.SENDS_MAIL = True
    staff = person("Staff")
    User.objects.filter(pk=staff.pk).update(email="staff@example.org")
    flag_post(post, by=None, note=f"{TURNED}\r\nBcc: everybody@example.org")
    assert send_due_messages() == 1
    sent = BytesParser(policy=email.policy.default).parsebytes(mail.outbox[0].message().as_bytes())
    assert sent.get_content_type() == "text/plain"
    assert sent["bcc"] is None and sent["to"] == "staff@example.org"
    assert "<img src=x onerror=alert(1)>" in sent["subject"]
    body = sent.get_content()
    assert "Bcc: everybody" in body and "\r\nBcc" not in body and "\nBcc" not in body
    assert terminal_text(body) == body.replace("\r", ""), "no character that changes what is shown"


def test_a_chat_message_has_no_markup_of_the_chat(post, settings):
    settings.CHAT_WEBHOOK_URL = "https://chat.example/hook"
    flag_post(post, by=None, note=f"<!channel> {TURNED}")
    text = json.loads(OutgoingMessage.objects.get().body)["text"]
    assert re.findall(r"<[^>]*>", text) == [f"<{settings.SITE_URL}{reverse('admin:review', args=[post.pk])}>"]
    assert "\u202e" not in text
