"""Lists of posts: addresses, pages, filters, and which of them are indexable."""

import re

import pytest

from posts.listing.rebuild import rebuild_lists
from posts.listing.site_stats import store_site_stats
from posts.models import ListedText, Post, PostTerm, Revision, SiteFigure, Term
from posts.operations import flag_post, withdraw_post
from posts.rendering.languages import language_name
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db


def released(count, **fields):
    """Return `count` posts, approved in this order."""
    records = [RecordFactory(**fields) for _ in range(count)]
    import_records(*records)
    reviewer = person()
    return [approve(Post.objects.get(source_id=record["source_id"]), by=reviewer) for record in records]


def slugs_on(response):
    assert response.status_code == 200
    return re.findall(r'href="/posts/([a-z0-9-]+)/"', response.content.decode())


def test_every_kind_of_term_has_a_list_at_an_address_of_its_own(client):
    post = make_post(
        released=True,
        stack=["Go services"],
        tools=["pgx"],
        topic="draining / Go",
        entities=[{"name": "SIGTERM"}],
        tags=["deploys"],
        language="en",
        code_language="go",
        difficulty="advanced",
    )
    addresses = {term.get_absolute_url() for term in Term.objects.all()}
    assert addresses == {
        "/stacks/go-services/",
        "/tools/pgx/",
        "/topics/draining-go/",
        "/entities/sigterm/",
        "/tags/deploys/",
        "/languages/en/",
        "/code-languages/go/",
        "/difficulties/advanced/",
    }
    for address in ("/articles/", *addresses):
        assert slugs_on(client.get(address)) == [post.slug], address
    assert client.get("/stacks/none/").status_code == 404
    assert client.get("/nothing/go-services/").status_code == 404


def test_what_other_posts_share_leads_to_its_list_from_the_record_of_an_article(client):
    fields = {
        "stack": ["Go services"], "tools": ["C++", "C"], "topic": "draining / Go", "tags": ["deploys"],
        "language": "en", "code_language": "go", "difficulty": "advanced",
        "entities": [{"name": "SIGTERM", "type": "signal"}],
    }  # fmt: skip
    for post in (make_post(released=True, **fields), make_post(**fields)):
        sheet = client.get(post.get_absolute_url()).content.decode().split('id="post-meta"')[1]
        for term in Term.objects.all():
            assert f'href="{term.get_absolute_url()}" dir="auto">{term.name}</a>' in sheet, term
        assert sheet.count('<a class="meta-text"') == Term.objects.count() == 9
    withdraw_post(Post.objects.exclude(live_revision=None).get(), by=person())
    assert '<a class="meta-text"' not in client.get(post.get_absolute_url()).content.decode()


def test_terms_with_the_same_words_in_their_address_keep_apart_and_keep_theirs(client):
    make_post(released=True, tools=["C", "C++", "C#", "c.", "(c)", "日本語", "中文", ".NET"])
    tools = Term.objects.filter(kind="tool")
    first = {term.name: term.slug for term in tools}
    assert len(set(first.values())) == 8
    assert (first["C++"], first["C#"], first[".NET"]) == ("c-plus-plus", "c-sharp", "dot-net")
    assert {first["C"], first["c."], first["(c)"]} == {"c", "c-2", "c-3"}
    assert (first["日本語"], first["中文"]) == ("ri-ben-yu", "zhong-wen")
    make_post(released=True, tools=["C", "C ."], stack=["C"])
    assert {term.name: term.slug for term in tools}.items() >= first.items()
    assert tools.get(name="C .").slug == "c-4"
    assert Term.objects.get(kind="stack", name="C").slug == "c"
    for term in Term.objects.all():
        assert client.get(term.get_absolute_url()).status_code == 200


def test_many_terms_of_one_wish_each_get_an_address():
    make_post(released=True, tags=["!" * length for length in range(1, 30)])
    slugs = set(Term.objects.filter(kind="tag").values_list("slug", flat=True))
    assert len(slugs) == 29 and {"tag", "tag-2", "tag-9"} < slugs


@pytest.mark.parametrize("count", [2, 3])
def test_a_list_of_fewer_than_three_posts_is_not_for_search_engines(client, count, settings):
    released(count)
    term = Term.objects.get(kind="stack", slug="go-services")
    response = client.get("/stacks/go-services/")
    is_open = count == 3
    assert ("X-Robots-Tag" not in response.headers) is is_open
    assert ('name="robots" content="noindex"' not in response.content.decode()) is is_open
    assert term.is_indexable is is_open is Term.objects.indexable().contains(term)
    assert term.has_list and Term.objects.with_list().contains(term)
    settings.INDEXING = False
    assert client.get("/stacks/go-services/").status_code == 404
    assert not term.is_indexable and not Term.objects.indexable().exists()
    assert not term.has_list and not Term.objects.with_list().exists()
    assert slugs_on(client.get("/articles/")) == []


def test_the_pages_of_a_list_hold_every_post_once_and_lead_back(client, monkeypatch):
    monkeypatch.setattr("posts.public.lists.PAGE", 3)
    monkeypatch.setattr("posts.public.lists.REACHES", (4, 8))
    posts = released(8)
    # Two posts of one moment must not fall between two pages.
    moment = posts[4].first_published_at
    for one in posts[2:6]:
        Post.objects.filter(pk=one.pk).update(first_published_at=moment)
        for rows in (PostTerm, ListedText):
            rows.objects.filter(post=one).update(published_at=moment)
    wanted = [
        post.slug for post in sorted(posts, key=lambda post: (Post.objects.get(pk=post.pk).first_published_at, post.pk))
    ]
    for address in ("/stacks/go-services/", "/articles/"):
        pages, at = [], address
        while at:
            response = client.get(at)
            pages.append(slugs_on(response))
            assert ("X-Robots-Tag" in response.headers) is (at != address)
            older = re.search(r'rel="next" href="([^"]+)"', response.content.decode())
            newer = re.search(r'rel="prev" href="([^"]+)"', response.content.decode())
            assert bool(newer) is (at != address)
            last, at = at, older and older[1]
        assert [len(page) for page in pages] == [3, 3, 2]
        assert [slug for page in pages for slug in page] == wanted[::-1]
        back = re.search(r'rel="prev" href="([^"]+)"', client.get(last).content.decode())[1]
        assert slugs_on(client.get(back)) == pages[1]
        first = re.search(r'rel="prev" href="([^"]+)"', client.get(back).content.decode())[1]
        assert slugs_on(client.get(first)) == pages[0]


def test_lists_keep_nothing_that_anybody_has_changed_since(client):
    posts = released(3, stack=["Go services"])
    store_site_stats()
    addresses = ("/", "/articles/", "/stacks/go-services/")
    for address in addresses:
        assert client.get(address).content == client.get(address).content
    withdraw_post(posts[0], by=person("Staff"), why="Outdated.")
    assert [slugs_on(client.get(address)).count(posts[0].slug) for address in addresses] == [0, 0, 0]
    # As somebody who works in the database itself.
    Term.objects.filter(kind="stack").update(name="Go workers")
    assert all(b"Go workers" in client.get(address).content for address in addresses)
    SiteFigure.objects.update(value=SiteFigure.objects.get().value | {"listed": 4711})
    assert b"4,711 approved" in client.get("/articles/").content
    Term.objects.filter(kind="stack").update(slug="go-workers")
    assert client.get("/stacks/go-workers/").status_code == 200
    assert client.get("/stacks/go-services/").status_code == 404
    # Another term at a known address.
    Term.objects.filter(kind="stack").update(slug="")
    other = Term.objects.create(kind="stack", key="rust", name="Rust", slug="go-workers", listed_count=1)
    assert slugs_on(client.get("/stacks/go-workers/")) == []
    other.delete()
    assert client.get("/stacks/go-workers/").status_code == 404


@pytest.mark.parametrize("place", ["", "x", "1-", "-1", "9" * 18 + "-1", "1-" + "9" * 19, "\x00", "١-١", "1-1-1"])
def test_a_place_that_makes_no_sense_is_passed_over(client, place):
    post = make_post(released=True)
    for name in ("older", "newer"):
        assert slugs_on(client.get("/articles/", {name: place})) == [post.slug]


def test_a_list_shows_the_rest_at_once_where_rows_of_posts_stand_that_are_listed_no_more(client, monkeypatch):
    monkeypatch.setattr("posts.public.lists.PAGE", 2)
    monkeypatch.setattr("posts.public.lists.REACHES", (3, 20))
    posts = released(7)
    for post in posts[2:6]:
        Post.objects.filter(pk=post.pk).update(needs_human_review=True)
    assert slugs_on(client.get("/stacks/go-services/")) == [posts[6].slug, posts[1].slug]
    flag_post(posts[6], by=person("Staff"), note="Look.")
    assert slugs_on(client.get("/stacks/go-services/")) == [posts[1].slug, posts[0].slug]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"summary": ""},
        {"summary": "In words of some length. " * 200},
        {"summary": "Averylongword" * 100},
        {"summary": "First line.\n\n  Second\tline. " * 10, "reading_time": 7, "difficulty": "advanced"},
        {
            "image_sources": [
                {"url": "https://images.unsplash.com/1.png"},
                {"url": "https://images.unsplash.com/2.png", "caption": "Lag"},
            ]
        },
        {"stack": []},
    ],
)
def test_lines_say_the_same_of_a_text_that_was_released_before_anybody_kept_lines(client, fields):
    posts = released(3, **fields)
    addresses = [
        "/",
        "/articles/",
        posts[0].get_absolute_url(),
        *({"/stacks/go-services/"} if "stack" not in fields else ()),
    ]
    kept = [client.get(address).content for address in addresses]
    assert ListedText.objects.update(line=None) == 3
    assert [client.get(address).content for address in addresses] == kept
    numbers = set(ListedText.objects.values_list("pk", flat=True))
    rebuild_lists()
    assert not ListedText.objects.filter(line=None)
    assert [client.get(address).content for address in addresses] == kept
    # The order of what was released stays.
    assert set(ListedText.objects.values_list("pk", flat=True)) == numbers


def test_lists_read_no_whole_record(client):
    released(3)
    # Not a valid record: reading one now fails.
    Revision.objects.update(snapshot=[])
    assert len(slugs_on(client.get("/articles/"))) == 3
    assert len(slugs_on(client.get("/stacks/go-services/"))) == 3


def test_languages_are_called_by_their_names(client):
    post = make_post(released=True, language="zh-Hans", code_language="yaml")
    make_post(released=True, language="ar", code_language="Brainstorm")
    languages, codes = (client.get(address).content.decode() for address in ("/languages/", "/code-languages/"))
    for name in (">Simplified Chinese<", ">Arabic<"):
        assert name in languages
    for name in (">YAML<", ">Brainstorm<"):
        assert name in codes
    assert '<h1 dir="auto">Simplified Chinese</h1>' in client.get("/languages/zh-hans/").content.decode()
    article = client.get(post.get_absolute_url()).content.decode()
    assert "<li>YAML</li>" in article and "zh-Hans</a> · Simplified Chinese" in article
    # The filters of a list offer them by the same names.
    assert "Arabic" in client.get("/articles/").content.decode()


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "German"),
        ("de-AT", "German (AT)"),
        ("pt-BR", "Brazilian Portuguese"),
        ("zh", "Chinese"),
        ("zh-CN", "Simplified Chinese"),
        ("EN-gb", "British English"),
        ("tlh", "tlh"),
        ("", ""),
    ],
)
def test_a_language_tag_has_an_english_name_if_one_is_known(tag, name):
    assert language_name(tag) == name


def test_bars_are_drawn_only_where_numbers_differ_enough_to_see(client):
    for number in range(3):
        make_post(released=True, title=f"Few {number}")
    assert "stacks--words" in client.get("/stacks/").content.decode()
    make_post(released=True)
    assert "stacks--words" not in client.get("/stacks/").content.decode()
