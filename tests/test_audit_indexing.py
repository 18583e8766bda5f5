"""`manage.py audit_indexing` finds nothing on a correct site, and finds each surface that breaks the rule."""

import json
import re
from io import StringIO
from itertools import zip_longest

import pytest
from django.conf import settings as site_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse

from posts.models import Post, Review, Revision
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import make_post
from tests.posts_in_every_state import fill


class Tamper:
    """A faulty machine between the site and the world: `fault(path, response)` may change what goes out."""

    fault = None

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if Tamper.fault:
            Tamper.fault(request.path, response)
        return response


@pytest.fixture
def tampered(settings):
    settings.MIDDLEWARE = ["tests.test_audit_indexing.Tamper", *site_settings.MIDDLEWARE]
    yield lambda fault: setattr(Tamper, "fault", staticmethod(fault))
    Tamper.fault = None


def audit_changed(tampered, changes):
    """Return the result of the audit with changed answers and an empty cache.

    changes: {address: function that changes its answer}.
    """
    cache.clear()
    tampered(lambda path, response: changes[path](response) if path in changes else None)
    return audit()


def audit(**options):
    out, err = StringIO(), StringIO()
    try:
        call_command("audit_indexing", stdout=out, stderr=err, **options)
    except CommandError as error:
        return str(error), err.getvalue()
    return "", out.getvalue()


@pytest.mark.django_db
def test_every_surface_says_what_the_rule_says():
    fill()
    assert audit() == ("", "15 post(s): all outputs follow the rule.\n")


@pytest.mark.django_db
def test_posts_of_several_sets_are_each_asked_for(monkeypatch):
    fill()
    monkeypatch.setattr("posts.public.index_audit.CHUNK", 3)
    assert audit() == ("", "15 post(s): all outputs follow the rule.\n")


@pytest.mark.django_db
@pytest.mark.once
def test_a_sample_asks_for_some_posts_and_compares_the_rows_of_all(tampered, monkeypatch):
    fill()
    for _ in range(8):
        make_post(released=True)
    # Every state is asked for, however small the sample is; of those that many posts are in, the first ones.
    error, found = audit(sample=0, seed=7)
    said = re.fullmatch(r"23 post\(s\), answers of (\d+) \(--seed 7\): all outputs follow the rule.\n", found)
    assert not error and 15 <= int(said[1]) < 23
    assert audit(every_page=True) == ("", "23 post(s): all outputs follow the rule.\n")
    asked = []
    tampered(lambda path, response: asked.append(path) if path.endswith(".png") else None)
    found = [audit(sample=2, seed=seed)[1] for seed in (1, 1)]
    assert found[0] == found[1] and asked[: len(asked) // 2] == asked[len(asked) // 2 :]
    # The last post is in no sample of none, but what lists say of it is compared.
    last = Post.objects.order_by("-pk")[0]
    address = file_of(last.slug)
    tampered(lambda path, response: _replace(f"/{last.slug}/", "/x/")(response) if path == address else None)
    error, found = audit(sample=0)
    assert f"/posts/{last.slug}/: the sitemap says closed, the rule open." in found


@pytest.mark.django_db
@pytest.mark.once
def test_a_stopped_audit_says_what_continues_it(monkeypatch):
    fill()
    monkeypatch.setattr("posts.public.index_audit.CHUNK", 4)
    monkeypatch.setattr("posts.management.commands.audit_indexing.PROGRESS_POSTS", 8)
    out, err = StringIO(), StringIO()
    call_command("audit_indexing", stdout=out, stderr=err)
    eighth = Post.objects.order_by("pk")[7].pk
    assert err.getvalue() == f"8 posts compared. To continue from here: --after {eighth}\n"
    assert audit(after=eighth) == ("", "7 post(s): all outputs follow the rule.\n")


def _replace(pattern, words):
    def change(response):
        body = re.sub(pattern, words, response.getvalue().decode(), flags=re.DOTALL).encode()
        setattr(
            response, "streaming_content" if response.streaming else "content", [body] if response.streaming else body
        )

    return change


def _json(response):
    answer = json.loads(response.content)
    answer["review"]["indexable"] = not answer["review"]["indexable"]
    response.content = json.dumps(answer).encode()


LD = '<script type="application/ld+json">{"@graph": [{"reviewedBy": "x"}]}</script></head>'
BROKEN_LD = '<script type="application/ld+json">{"@graph": </script></head>'
PLANTED = {
    "robots meta missing": (
        "waiting", "", _replace('<meta name="robots" content="noindex">', ""), "robots meta says open",
    ),
    "robots meta too much": (
        "listed", "", _replace("</head>", '<meta name="ROBOTS" content="none"></head>'), "robots meta says closed",
    ),
    "header missing": (
        "bulk", "", lambda response: response.headers.pop("X-Robots-Tag"), "X-Robots-Tag of the page says open",
    ),
    "header too much": (
        "listed", "", lambda response: response.headers.__setitem__("X-Robots-Tag", "noindex"),
        "X-Robots-Tag of the page says closed",
    ),
    "JSON": ("flagged", ".json", _json, "the JSON says open"),
    "JSON header": (
        "flagged", ".json", lambda response: response.headers.pop("X-Robots-Tag"), "X-Robots-Tag of the JSON says open",
    ),
    "API": (
        "flagged", "api", _json, "the API says open"),
    "API header": (
        "bulk", "api", lambda response: response.headers.pop("X-Robots-Tag"), "X-Robots-Tag of the API says open",
    ),
    "JSON-LD": ("bulk", "", _replace("</head>", LD), "JSON-LD says reviewedBy"),
    "JSON-LD broken": ("listed", "", _replace("</head>", BROKEN_LD), "JSON-LD is not valid JSON"),
    "JSON-LD silent": ("listed", "", _replace("lastReviewed", "x"), "JSON-LD lacks lastReviewed"),
    "page open": ("rejected", "", lambda response: setattr(response, "status_code", 200), "the page answers 200"),
    "page gone": ("listed", "", lambda response: setattr(response, "status_code", 404), "the page answers 404"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.once
def test_a_page_that_says_something_else_is_named(tampered):
    slugs = fill()
    planted = {state: [] for state, *_ in PLANTED.values()}
    for state, suffix, change, words in PLANTED.values():
        planted[state].append((suffix, change, words))
    # Each audit meets one fault of each post: what it says of the post is about that fault alone.
    for faults in zip_longest(*planted.values()):
        changes, told = {}, {}
        for state, fault in zip(planted, faults, strict=True):
            if fault:
                suffix, change, words = fault
                page = f"/posts/{slugs[state]}/"
                address = {"": page, ".json": f"{page[:-1]}.json", "api": f"/api{page}"}[suffix]
                changes[address], told[page] = change, words
        error, found = audit_changed(tampered, changes)
        assert "mismatch(es) in 15 post(s)." in error
        for page, words in told.items():
            assert f"{page}: {words}" in found
        assert {line.partition(":")[0] for line in found.splitlines()} == set(told)


def file_of(slug):
    """Return the sitemap file in which the post belongs."""
    return reverse("posts:sitemap-articles", args=[Post.objects.get(slug=slug).pk // URLS_PER_FILE])


SURFACES = {
    "the sitemap": ("</urlset>", "<url><loc>{site}/posts/{slug}/</loc></url></urlset>", "the sitemap says open"),
    "/feed/": ("</feed>", '<entry><link href="{site}/posts/{slug}/"></link></entry></feed>', "the feed names it"),
    "/feed.json": ('"items": \\[', '"items": [{{"url": "{site}/posts/{slug}/"}},', "the JSON feed names it"),
    "/api/posts/": ('"posts": \\[', '"posts": [{{"url": "{site}/posts/{slug}/"}},', "the list of the API says open"),
    "/": ("</main>", '<a href="/posts/{slug}/">x</a></main>', "the list / names it"),
    "/articles/": ("</main>", '<a href="/posts/{slug}/">x</a></main>', "the list /articles/ names it"),
    "/stacks/go-services/": (
        "</main>", '<a href="/posts/{slug}/">x</a></main>', "the list /stacks/go-services/ names it",
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.once
def test_lists_that_say_something_else_are_named(tampered):
    fill()
    closed = '<meta name="robots" content="noindex">'
    changes = {
        "/stacks/rust/": _replace(closed, ""),
        "/search/": lambda response: response.headers.pop("X-Robots-Tag"),
        "/articles/": _replace("</head>", f"{closed}</head>"),
    }
    error, found = audit_changed(tampered, changes)
    assert "3 mismatch(es) in 15 post(s)." in error
    assert "/stacks/rust/: robots meta says open" in found
    assert "/search/: X-Robots-Tag says open" in found
    assert "/articles/: robots meta says closed" in found


@pytest.mark.django_db
@pytest.mark.once
def test_each_list_that_names_an_unlisted_post_is_named(tampered):
    slug = fill()["flagged"]
    changes = {}
    for surface, (place, words, _) in SURFACES.items():
        words = words.format(site=site_settings.SITE_URL, slug=slug)
        changes[file_of(slug) if surface == "the sitemap" else surface] = _replace(place, words)
    error, found = audit_changed(tampered, changes)
    assert error == f"{len(SURFACES)} mismatch(es) in 15 post(s)."
    for _, _, said in SURFACES.values():
        assert f"/posts/{slug}/: {said}" in found


@pytest.mark.django_db
def test_a_sitemap_that_forgets_a_post_or_names_a_stranger_is_named(tampered):
    slug = fill()["listed"]
    file = file_of(slug)
    tampered(lambda path, response: _replace(f"/{slug}/", "/stranger/")(response) if path == file else None)
    error, found = audit()
    assert error == "2 mismatch(es) in 15 post(s)."
    assert f"/posts/{slug}/: the sitemap says closed, the rule open." in found
    assert "/posts/stranger/: the sitemap names a post that does not exist." in found


@pytest.mark.django_db
def test_every_page_of_the_list_of_the_api_is_read(monkeypatch):
    fill()
    make_post(released=True)
    make_post(released=True)
    monkeypatch.setattr("posts.public.index_audit.API_PAGE", 1)
    assert audit() == ("", "17 post(s): all outputs follow the rule.\n")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/feed.json", "/api/posts/"])
def test_a_list_that_is_no_json_is_named(address, tampered):
    tampered(lambda path, response: setattr(response, "content", b"[1]") if path == address else None)
    error, found = audit()
    assert error and "answers 200, but not with a JSON list" in found


@pytest.mark.django_db
def test_a_file_that_is_no_xml_is_named(tampered):
    tampered(lambda path, response: setattr(response, "content", b"<html>") if path == "/feed/" else None)
    error, found = audit()
    assert error and "/feed/: answers 200, but not with XML" in found


def test_a_running_site_is_asked_by_its_address(live_server, transactional_db, tampered):
    slugs = fill()
    base_url = live_server.url
    assert audit(base_url=base_url) == ("", "15 post(s): all outputs follow the rule.\n")
    error, _ = audit(base_url="http://127.0.0.1:1")
    assert "does not answer" in error
    error, _ = audit(base_url="ftp://x")
    assert "must be an http or https address" in error
    assert slugs


@pytest.mark.django_db
@pytest.mark.parametrize("row", ["approval", "text"])
def test_an_approval_opens_exactly_the_text_that_was_read(row, client):
    post = make_post(released=True)
    assert "X-Robots-Tag" not in client.get(post.get_absolute_url())
    assert Post.objects.listed().contains(post) and post.is_listed
    # Somebody changes a row outside of the site's code.
    if row == "approval":
        Review.objects.filter(pk=post.live_approval_id).update(fingerprint="0" * 64)
    else:
        Revision.objects.filter(pk=post.live_revision_id).update(fingerprint="0" * 64)
    cache.clear()
    post = Post.objects.with_texts().get()
    assert post.index_obstacles == ["the live revision has no valid approval"]
    assert not Post.objects.listed().exists()
    assert "noindex" in client.get(post.get_absolute_url())["X-Robots-Tag"]
    # The sitemap shows what lists keep; the audit names it until they are written again.
    assert audit()[1] == f"{post.get_absolute_url()}: the sitemap says open, the rule closed.\n"
    call_command("rebuild_search", stdout=StringIO())
    assert audit()[0] == ""
