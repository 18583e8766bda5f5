"""The sitemap: valid, correct, and in files that stay the same."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from lxml import etree

from posts.db import kept_parts
from posts.importing.index_switch import follow_batch_switch, switch_batch_index
from posts.models import ImportBatch, ListedText, Post
from posts.operations import clear_flag, flag_post, record_revision, withdraw_post
from posts.page_cache import MAX_STREAMED
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import RecordFactory, approve, import_records, make_post, person
from tests.wsgi_site import WsgiSite

pytestmark = pytest.mark.django_db

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "sitemap.xsd"))
NAMES = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "image": "http://www.google.com/schemas/sitemap-image/1.1",
}
PHOTO = "https://images.unsplash.com/photo-1?w=1200&q=80"


@pytest.fixture(autouse=True)
def _file_of_its_own(db):
    """Begin a new file, so that the few posts of a test are in one, whatever tests ran before."""
    after = f"((%s) / {URLS_PER_FILE} + 1) * {URLS_PER_FILE}"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"UPDATE sqlite_sequence SET seq = {after % 'seq'} WHERE name = 'posts_post'")
        else:
            sequence = "pg_get_serial_sequence('posts_post', 'id')"
            cursor.execute(f"SELECT setval({sequence}, {after % f'nextval({sequence})'})")


def read(client, address):
    """Return the root of a sitemap file; it must be valid."""
    response = client.get(address)
    assert response.status_code == 200, address
    root = etree.fromstring(response.getvalue())
    SCHEMA.assertValid(root)
    return root


def texts(root, way):
    return [found.text for found in root.iterfind(way, NAMES)]


def files(client):
    return [urlsplit(address).path for address in texts(read(client, "/sitemap.xml"), "s:sitemap/s:loc")]


def named(client):
    """Return the path of every page that the files name."""
    roots = [read(client, address) for address in files(client)]
    return [urlsplit(address).path for root in roots for address in texts(root, "s:url/s:loc")]


def test_the_index_and_its_files_are_valid_and_name_what_may_be_indexed_and_nothing_else(client):
    make_post(slug="waits")
    make_post(slug="flagged", released=True, flagged=True)
    approve(make_post(slug="in-bulk"), is_bulk=True)
    make_post(slug="ready", released=True)
    assert "/posts/ready/" in named(client)
    assert [path for path in named(client) if path.startswith("/posts/")] == ["/posts/ready/"]


def test_an_empty_site_names_its_home_page(client):
    assert files(client) == ["/sitemaps/pages.xml"]
    assert named(client) == ["/", "/how-this-site-is-made/"]


def test_lists_of_three_posts_and_more_are_named_in_files_of_their_own(client):
    posts = [make_post(released=True, tags=["often"]) for _ in range(3)]
    make_post(released=True, tags=["rare"])
    lists = [file for file in files(client) if file.startswith("/sitemaps/lists-")]
    found = [urlsplit(address).path for file in lists for address in texts(read(client, file), "s:url/s:loc")]
    assert "/tags/often/" in found and "/stacks/go-services/" in found and "/tags/rare/" not in found
    assert all("noindex" not in client.get(path).headers.get("X-Robots-Tag", "") for path in found)
    pages = texts_of_pages(client)
    assert {"/", "/articles/", "/stacks/", "/tags/", "/how-this-site-is-made/"} <= set(pages)
    assert "/languages/" not in pages
    assert all("X-Robots-Tag" not in client.get(path).headers for path in pages)
    withdraw_post(posts[0], by=person())
    assert "/tags/often/" not in named(client)


def texts_of_pages(client):
    return [urlsplit(address).path for address in texts(read(client, "/sitemaps/pages.xml"), "s:url/s:loc")]


def test_a_post_leaves_its_file_with_a_flag_and_comes_back_with_its_answer(client):
    post = make_post(slug="ready", released=True)
    other = make_post(slug="other", released=True)
    flag = flag_post(post, by=person("Staff"), note="Look.")
    assert "/posts/ready/" not in named(client) and "/posts/other/" in named(client)
    clear_flag(flag, by=person("Staff"), note="Looked.")
    assert "/posts/ready/" in named(client)
    withdraw_post(other, by=person())
    assert "/posts/other/" not in named(client)


def test_a_file_that_nothing_is_left_in_is_neither_named_nor_there(client):
    post = make_post(released=True)
    file = files(client)[-1]
    assert file.startswith("/sitemaps/articles-")
    withdraw_post(post, by=person())
    assert file not in files(client)
    assert client.get(file).status_code == 404


def test_an_index_that_was_read_before_follows_each_change(client, monkeypatch):
    posts = [make_post(released=True) for _ in range(2)]
    late = datetime(2027, 5, 6, 7, 8, 9, tzinfo=UTC)
    file = files(client)[-1]
    for number, most_rows in enumerate((500, 1)):
        # With few rows allowed, what is new in the log is too much to look at: everything is read again.
        monkeypatch.setattr("posts.db.kept_parts.MOST_ROWS", most_rows)
        for post in posts:
            ListedText.objects.filter(post=post).update(changed_at=late.replace(hour=number, minute=post.pk % 60))
        said = f"2027-05-06T0{number}:{max(post.pk % 60 for post in posts):02}:09+00:00"
        assert texts(read(client, "/sitemap.xml"), "s:sitemap/s:lastmod") == [said]
    for post in posts:
        assert file in files(client)
        withdraw_post(post, by=person())
    assert file not in files(client)
    make_post(released=True)
    assert file in files(client)


def test_the_index_reads_the_files_with_changes_and_no_others(client):
    post = make_post(released=True)
    make_post(released=True)
    # The second time, the log may tell again what was new the first time.
    read(client, "/sitemap.xml")
    read(client, "/sitemap.xml")
    with CaptureQueriesContext(connection) as queries:
        read(client, "/sitemap.xml")
    # Whether the log has something new, and which lists there are.
    assert len(queries) == 2 and not any("posts_listedtext" in query["sql"] for query in queries)
    ListedText.objects.filter(post=post).update(changed_at=datetime(2027, 1, 1, tzinfo=UTC))
    with CaptureQueriesContext(connection) as queries:
        read(client, "/sitemap.xml")
    of_texts = [query["sql"] for query in queries if "posts_listedtext" in query["sql"]]
    assert len(of_texts) == 1 and "RECURSIVE" not in of_texts[0]


def test_the_index_forgets_what_was_rolled_back(client):
    post = make_post(released=True)
    file = files(client)[-1]
    with transaction.atomic():
        ListedText.objects.filter(post=post).delete()
        assert file not in files(client)
        transaction.set_rollback(True)
    assert file in files(client)


def test_the_index_asks_no_more_for_many_files_where_an_import_is_closed(client, monkeypatch):
    monkeypatch.setattr("posts.public.sitemaps.URLS_PER_FILE", 1)
    closed = make_post(released=True)
    batch = ImportBatch.objects.get(pk=closed.last_batch_id)
    switch_batch_index(batch, is_open=False, by=person("Staff"))
    follow_batch_switch(batch)
    asked = []
    for count in (2, 4):
        for _ in range(count):
            make_post(released=True)
        kept_parts.forget()
        with CaptureQueriesContext(connection) as queries:
            found = texts(read(client, "/sitemap.xml"), "s:sitemap/s:lastmod")
        asked.append((len(found), len(queries)))
    assert asked[0][0] == 2 and asked[1] == (6, asked[0][1])


def test_a_closed_import_is_gone_at_once_and_back_once_it_is_open(client):
    post = make_post(slug="ready", released=True)
    make_post(slug="other", released=True)
    batch = ImportBatch.objects.get(pk=post.last_batch_id)
    switch_batch_index(batch, is_open=False, by=person("Staff"))
    assert "/posts/ready/" not in named(client) and "/posts/other/" in named(client)
    follow_batch_switch(batch)
    assert not ListedText.objects.filter(post=post).exists()
    switch_batch_index(batch, is_open=True, by=person("Staff"))
    follow_batch_switch(batch)
    assert "/posts/ready/" in named(client)


def test_a_file_of_a_closed_import_alone_is_not_named(client):
    post = make_post(released=True)
    assert len(files(client)) == 2
    switch_batch_index(ImportBatch.objects.get(pk=post.last_batch_id), is_open=False, by=person("Staff"))
    assert files(client) == ["/sitemaps/pages.xml"]


def test_a_site_that_is_switched_off_offers_nothing(client, settings):
    make_post(released=True)
    address = files(client)[-1]
    settings.INDEXING = False
    assert client.get("/sitemap.xml").content.count(b"<loc>") == 0
    assert client.get(address).status_code == 404 and client.get("/sitemaps/pages.xml").status_code == 404


def test_a_post_says_when_its_live_text_changed_last_and_the_index_the_newest_of_a_file(client):
    early, late = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    posts = [make_post(released=True) for _ in range(2)]
    for post, moment in zip(posts, (late, early), strict=True):
        ListedText.objects.filter(post=post).update(changed_at=moment)
    index = read(client, "/sitemap.xml")
    assert texts(index, "s:sitemap/s:lastmod") == ["2026-05-06T07:08:09+00:00"]
    file = read(client, files(client)[-1])
    assert texts(file, "s:url/s:lastmod") == ["2026-05-06T07:08:09+00:00", "2026-03-04T05:06:07+00:00"]


def test_each_file_of_the_index_says_its_own_newest_change(client, monkeypatch):
    monkeypatch.setattr("posts.public.sitemaps.URLS_PER_FILE", 4)
    posts = [make_post(released=True) for _ in range(14)]
    # A whole file between two others has nothing to say.
    for post in posts[4:9]:
        withdraw_post(post, by=person())
    newest = {}
    for day, post in enumerate([*posts[:4], *posts[9:]], start=1):
        moment = datetime(2026, 3, 30 - day if day % 2 else day, tzinfo=UTC)
        ListedText.objects.filter(post=post).update(changed_at=moment)
        file = f"/sitemaps/articles-{post.pk // 4}.xml"
        newest[file] = max(newest.get(file, ""), moment.isoformat())
    index = read(client, "/sitemap.xml")
    said = {
        urlsplit(entry.find("s:loc", NAMES).text).path: entry.find("s:lastmod", NAMES).text
        for entry in index.iterfind("s:sitemap", NAMES)
        if "articles" in entry.find("s:loc", NAMES).text
    }
    assert said == newest and len(newest) >= 3


def test_an_edit_moves_lastmod_only_once_it_is_released(client):
    post = make_post(released=True)
    before = texts(read(client, files(client)[-1]), "s:url/s:lastmod")
    ListedText.objects.filter(post=post).update(changed_at=datetime(2026, 1, 1, tzinfo=UTC))
    record_revision(post, {**post.working_record(), "summary": "New."}, by=person("Editors"))
    assert texts(read(client, files(client)[-1]), "s:url/s:lastmod") == ["2026-01-01T00:00:00+00:00"]
    post = approve(post)
    after = texts(read(client, files(client)[-1]), "s:url/s:lastmod")
    assert after == [post.last_published_at.isoformat(timespec="seconds")] and after >= before


def test_the_pictures_that_a_page_loads_stand_with_it_and_no_others(client, settings):
    settings.IMAGE_HOSTS = [*settings.IMAGE_HOSTS, "elsewhere.example"]
    make_post(
        released=True,
        image_sources=[
            {"url": PHOTO, "caption": "A & B"},
            {"url": PHOTO},
            {"url": 'https://images.unsplash.com/a"<b>&c={1}'},
            {"url": "https://placehold.co/1200x630?text=drawn"},
            {"url": "https://elsewhere.example/a.jpg"},
        ],
    )
    settings.IMAGE_HOSTS = settings.IMAGE_HOSTS[:-1]
    ways = "s:url/image:image/image:loc"
    found = texts(read(client, files(client)[-1]), ways)
    assert found == [PHOTO, "https://images.unsplash.com/a%22%3Cb%3E&c=%7B1%7D"]
    settings.IMAGE_HOSTS = ["elsewhere.example"]
    assert texts(read(client, files(client)[-1]), ways) == ["https://elsewhere.example/a.jpg"]


def test_the_pictures_of_a_live_text_stand_there_not_those_of_an_edit(client):
    post = make_post(released=True, image_sources=[{"url": PHOTO}])
    record = {**post.working_record(), "image_sources": [{"url": "https://images.unsplash.com/new"}]}
    record_revision(post, record, by=person("Editors"))
    assert texts(read(client, files(client)[-1]), "s:url/image:image/image:loc") == [PHOTO]


def test_a_file_whose_posts_are_full_of_pictures_is_one_that_the_page_cache_takes(client):
    urls = [f"https://images.unsplash.com/{number}{'&' * 1500}" for number in range(20)]
    make_post(released=True, slug="s" * 200, image_sources=[{"url": url} for url in urls])
    body = client.get(files(client)[-1]).getvalue()
    assert len(body) * URLS_PER_FILE < MAX_STREAMED


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_full_of_pictures_is_kept_and_compressed(monkeypatch):
    monkeypatch.setattr("posts.public.sitemaps.MAX_PICTURE_BYTES", 3_000_000)
    urls = [f"https://images.unsplash.com/{number}{'a' * 1900}" for number in range(50)]
    posts = [make_post(released=True, image_sources=[{"url": url} for url in urls]) for _ in range(5)]
    # As large as the largest that there is: five posts with as many pictures as a thousand have.
    ListedText.objects.update(pictures=[f"{url}{number}" for url in urls for number in range(8)])
    site, file = WsgiSite(), f"/sitemaps/articles-{posts[0].pk // URLS_PER_FILE}.xml"
    assert site.get(file, accept_encoding="br").is_stored
    answer = site.get(file, accept_encoding="br")
    assert answer.is_hit and answer.headers["content-encoding"] == "br"
    assert 3_000_000 < len(answer.text) < MAX_STREAMED


def test_a_file_holds_a_range_of_keys_so_that_no_post_ever_moves_to_another(client, monkeypatch):
    monkeypatch.setattr("posts.public.sitemaps.URLS_PER_FILE", 4)
    monkeypatch.setattr("posts.public.sitemaps.CHUNK", 3)
    posts = [make_post(released=True) for _ in range(10)]
    homes = {
        path: file
        for file in files(client)
        for path in [urlsplit(address).path for address in texts(read(client, file), "s:url/s:loc")]
    }
    assert {post.get_absolute_url() for post in posts} == {path for path in homes if path.startswith("/posts/")}
    assert len(named(client)) == len(homes) and len([file for file in files(client) if "articles" in file]) >= 3
    for post in posts[::2]:
        withdraw_post(post, by=person())
    for file in files(client):
        for address in texts(read(client, file), "s:url/s:loc"):
            assert homes[urlsplit(address).path] == file


@pytest.mark.parametrize("number", ["7", "922337203685477", "9223372036854775807", "9" * 400])
def test_a_file_that_never_was_is_not_there(client, number):
    assert client.get(f"/sitemaps/articles-{number}.xml").status_code == 404


def test_a_file_of_many_posts_takes_as_many_queries_as_it_has_chunks(client, monkeypatch):
    monkeypatch.setattr("posts.public.sitemaps.CHUNK", 10)
    import_records(*(RecordFactory() for _ in range(25)))
    reviewer = person()
    for post in Post.objects.all():
        approve(post, by=reviewer)
    file = files(client)[-1]
    with CaptureQueriesContext(connection) as queries:
        client.get(file).getvalue()
    # Whether an import is closed, and a set of posts at a time; the last one comes back empty.
    assert len(queries) == 1 + 4
    kept_parts.forget()
    with CaptureQueriesContext(connection) as queries:
        client.get("/sitemap.xml")
    # Where the log is, which lists there are, the files of articles, and whether an import is closed.
    assert len(queries) == 4
