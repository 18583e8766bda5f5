"""The read-only API: which posts it lists, what it says of each, and that its document is correct."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import jsonschema
import pytest
from django.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

from posts.importing.index_switch import switch_batch_index
from posts.models import ImportBatch, ListedText, Post, PostTerm
from posts.operations import change_slug, flag_post, record_revision, withdraw_post
from posts.public.api.parameters import KINDS
from posts.records.schema import FIELDS
from tests.factories import approve, make_post, person
from tests.test_public_pages import FULL_RECORD, full_post

pytestmark = pytest.mark.django_db


def ask(client, address, status=200):
    """Return the JSON of an answer, checked against the OpenAPI document."""
    response = client.get(address)
    assert response.status_code == status, (address, response.content)
    kind = "application/json" if status == 200 else "application/problem+json"
    assert response["Content-Type"] == kind and response["Access-Control-Allow-Origin"] == "*"
    answer = response.json()
    path = urlsplit(address).path
    name = "Problem" if status != 200 else "PostPage" if path == "/api/posts/" else "Post"
    document = client.get("/api/openapi.json").json()
    operation = document["paths"]["/api/posts/" if path == "/api/posts/" else "/api/posts/{slug}/"]["get"]
    assert str(status) in operation["responses"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(answer)
    return answer


def named(client, query="", status=200):
    return [item["record"]["slug"] for item in ask(client, f"/api/posts/{query}", status)["posts"]]


def test_the_document_is_valid_and_names_every_address(client, settings):
    settings.SITE_CONTACT = "api@articles.example"
    document = client.get("/api/openapi.json").json()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert set(document["paths"]) == {
        "/api/",
        "/api/posts/",
        "/api/posts/{slug}/",
        "/api/openapi.json",
        "/api/v1/imports",
        "/api/v1/imports/{number}",
        "/api/v1/imports/{number}/cancel",
        "/api/v1/imports/{number}/rollback",
        "/api/v1/posts/{source_id}",
        "/api/v1/decisions",
        "/api/v1/scorecard",
        "/api/v1/schema",
    }
    assert document["servers"] == [{"url": settings.SITE_URL}]
    assert document["info"]["contact"] == {"email": "api@articles.example"}
    start = client.get("/api/").json()
    assert urlsplit(start["posts"]).path == "/api/posts/" and urlsplit(start["openapi"]).path == "/api/openapi.json"


def test_the_document_names_the_parameters_that_the_list_takes_and_no_others(client):
    operation = client.get("/api/openapi.json").json()["paths"]["/api/posts/"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"q", "limit", "cursor", "reviewed_since", *KINDS}
    refusal = ask(client, "/api/posts/?nothing=1", 400)["detail"]
    assert all(name in refusal for name in names)


def test_the_list_holds_listed_posts_newest_first_and_no_others(client):
    make_post(slug="waits")
    make_post(slug="flagged", released=True, flagged=True)
    approve(make_post(slug="in-bulk"), is_bulk=True)
    for slug in ("first", "second"):
        make_post(slug=slug, released=True)
    assert named(client) == ["second", "first"]


def test_every_post_of_the_list_carries_its_review_and_its_disclosure(client, settings):
    post = make_post(released=True)
    (item,) = ask(client, "/api/posts/")["posts"]
    assert item["url"] == settings.SITE_URL + post.get_absolute_url()
    assert item["record"]["title"] == post.title and "body" not in item["record"]
    review = item["review"]
    assert review["indexable"] is True and review["status"] == "approved"
    assert review["fingerprint"] == post.live_revision.fingerprint
    assert review["disclosure"].startswith("Imported; who wrote it is not stated. Read and approved by a reviewer on")
    assert datetime.fromisoformat(review["approved_at"]) - post.live_approval.created_at < timedelta(milliseconds=1)


def test_a_post_is_its_record_as_the_page_shows_it_in_the_order_of_the_schema(client):
    post = approve(full_post())
    item = ask(client, f"/api/posts/{post.slug}/")
    whole = client.get(f"/posts/{post.slug}.json").json()
    assert list(item["record"]) == [key for key in FIELDS if key in whole["record"]]
    assert item["review"] == whole["review"]
    assert item["record"]["body"] == FULL_RECORD["body"] and item["record"]["payload"] == FULL_RECORD["payload"]
    assert list(item["record"]["ai_outline"]) == list(FULL_RECORD["ai_outline"])


def test_keys_outside_the_schema_are_not_named_however_deep(client):
    hidden = {"in_house": "canary"}
    post = full_post(
        score={"quality": 81, **hidden},
        flags={"has_images": 1, **hidden},
        revision={"version": "3.1.4", **hidden},
        entities=[{"name": "SIGTERM", **hidden}],
        image_sources=[{"url": "https://images.unsplash.com/a", **hidden}],
        **hidden,
    )
    assert "canary" in client.get(f"/posts/{post.slug}.json").content.decode()
    record = ask(client, f"/api/posts/{post.slug}/")["record"]
    assert "canary" not in json.dumps(record)
    assert record["entities"] == [{"name": "SIGTERM"}] and record["score"] == {"quality": 81}


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (make_post, "Nobody has reviewed this article yet."),
        (lambda: make_post(released=True, flagged=True), "for another review"),
        (lambda: approve(make_post(), is_bulk=True), "nobody has reviewed it individually"),
    ],
    ids=["unread", "flagged", "bulk"],
)
def test_a_post_that_is_not_listed_says_so_in_its_answer_and_its_header(client, prepare, sentence):
    post = prepare()
    address = f"/api/posts/{post.slug}/"
    review = ask(client, address)["review"]
    assert review["indexable"] is False and sentence in review["disclosure"]
    assert client.get(address)["X-Robots-Tag"] == "noindex"
    assert named(client) == []


def test_a_listed_post_has_no_header_against_search_engines(client):
    post = make_post(released=True)
    assert "X-Robots-Tag" not in client.get(f"/api/posts/{post.slug}/")


def test_an_edit_is_not_told_before_it_is_released(client):
    post = make_post(released=True, summary="Live words.")
    before = client.get(f"/api/posts/{post.slug}/").content, client.get("/api/posts/").content
    record_revision(post, {**post.working_record(), "summary": "Secret words."}, by=person("Editors"))
    assert (client.get(f"/api/posts/{post.slug}/").content, client.get("/api/posts/").content) == before


def test_a_moved_post_leads_on_a_withdrawn_one_is_gone_and_none_is_missing(client, settings):
    moved, gone = make_post(slug="old-place", released=True), make_post(slug="gone", released=True)
    change_slug(moved, "new-place", by=person())
    withdraw_post(gone, by=person())
    response = client.get("/api/posts/old-place/")
    assert (response.status_code, response["Location"]) == (301, "/api/posts/new-place/")
    assert ask(client, "/api/posts/gone/", 410)["status"] == 410
    assert ask(client, "/api/posts/never/", 404)["title"] == "Post not found"
    settings.UNREVIEWED_POSTS = "hidden"
    make_post(slug="unread")
    assert ask(client, "/api/posts/unread/", 404)["status"] == 404


def pages(client, query):
    """Return the slugs of each page from the first to the last."""
    found, address = [], f"/api/posts/?{query}"
    while address:
        page = ask(client, address)
        found.append([item["record"]["slug"] for item in page["posts"]])
        following = urlsplit(page["next"] or "")
        address = f"{following.path}?{following.query}" if page["next"] else ""
    return found


def test_pages_hold_every_post_once_whatever_is_released_meanwhile(client):
    for number in range(5):
        make_post(slug=f"post-{number}", released=True)
    assert pages(client, "limit=2") == [["post-4", "post-3"], ["post-2", "post-1"], ["post-0"]]
    first = ask(client, "/api/posts/?limit=2")
    make_post(slug="newer", released=True)
    withdraw_post(Post.objects.get(slug="post-3"), by=person())
    following = urlsplit(first["next"])
    assert named(client, f"?{following.query}") == ["post-2", "post-1"]


def test_posts_of_one_moment_are_each_on_one_page(client):
    posts = [make_post(released=True, slug=f"post-{number}") for number in range(5)]
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    ListedText.objects.update(published_at=moment, reviewed_at=moment)
    PostTerm.objects.update(published_at=moment)
    for query in ("limit=2", "limit=2&stack=go-services", "limit=2&stack=go-services&tool=make"):
        found = pages(client, query)
        assert [slug for page in found for slug in page] == [post.slug for post in posts[::-1]], query
    found = pages(client, "limit=2&reviewed_since=2026-05-01")
    assert [slug for page in found for slug in page] == [post.slug for post in posts]


def test_filters_narrow_the_list_together(client):
    make_post(slug="both", released=True, tags=["deploys"], stack=["Go services"], difficulty="advanced", language="en")
    make_post(slug="go", released=True, tags=[], stack=["Go services"], code_language="go")
    make_post(
        slug="rust", released=True, tags=["deploys"], stack=["Rust tools"], topic="drops", entities=[{"name": "X"}]
    )
    assert named(client, "?stack=go-services") == ["go", "both"]
    assert named(client, "?tag=deploys") == ["rust", "both"]
    assert named(client, "?stack=go-services&tag=deploys") == ["both"]
    assert named(client, "?tool=pgx&limit=1") == ["rust"]
    assert named(client, "?difficulty=advanced") == named(client, "?language=en") == ["both"]
    assert named(client, "?code_language=go") == ["go"]
    assert named(client, "?topic=drops") == named(client, "?entity=x") == ["rust"]
    assert named(client, "?stack=rust-tools&difficulty=advanced") == []


@pytest.mark.parametrize(
    "query",
    ["stack=no-such-stack", "stack=go-services&tag=no-such-tag", "difficulty=Beginner", "language=rust",
     "stack=%27%20OR%201=1", "stack=a%00b", "q=draining&stack=no-such-stack", "reviewed_since=2020-01-01&tool=nothing"],
)  # fmt: skip
def test_a_value_that_names_no_list_is_refused_like_an_unknown_parameter(client, query):
    make_post(released=True, difficulty="beginner", language="en")
    problem = ask(client, f"/api/posts/?{query}", 404)
    name = query.rpartition("&")[2].partition("=")[0]
    assert problem["detail"].startswith(f"{name} is not the slug of a list of this site.")
    assert ask(client, "/api/posts/?difficulty=beginner")["posts"]


def test_a_list_that_ran_empty_still_filters(client):
    withdraw_post(make_post(released=True, stack=["Rust tools"]), by=person())
    assert named(client, "?stack=rust-tools") == []


def test_a_harvest_by_approval_goes_on_where_it_stopped(client):
    posts = {slug: make_post(slug=slug, released=True) for slug in ("old", "middle", "new")}
    for day, post in enumerate(posts.values(), start=1):
        ListedText.objects.filter(post=post).update(reviewed_at=datetime(2026, 5, day, 12, tzinfo=UTC))
    assert named(client, "?reviewed_since=2026-05-01") == ["old", "middle", "new"]
    assert named(client, "?reviewed_since=2026-05-02") == ["middle", "new"]
    assert named(client, "?reviewed_since=2026-05-02T12:00:00Z") == ["middle", "new"]
    assert named(client, "?reviewed_since=2026-05-02T14:00:01%2B02:00") == ["new"]
    assert named(client, "?reviewed_since=2026-05-02&stack=go-services&tool=pgx") == ["middle", "new"]
    assert pages(client, "limit=1&reviewed_since=2026-05-02") == [["middle"], ["new"]]
    # A new approval comes at the end.
    record_revision(posts["old"], {**posts["old"].working_record(), "summary": "Anew."}, by=person("Editors"))
    approve(posts["old"])
    assert named(client, "?reviewed_since=2026-05-02") == ["middle", "new", "old"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit must be a whole number from 1 to 100"),
        ("limit=101", "limit must be"),
        ("limit=", "limit must be"),
        ("limit=-1", "limit must be"),
        ("limit=%D9%A1", "limit must be"),
        ("cursor=x", "cursor must be"),
        ("cursor=1", "cursor must be"),
        (f"cursor={'9' * 18}-1", "cursor must be"),
        (f"cursor={'9' * 19}-1", "cursor must be"),
        ("cursor=%00-1", "cursor must be"),
        ("cursor=", "cursor must be"),
        ("reviewed_since=yesterday", "reviewed_since must be"),
        ("reviewed_since=2026-02-30", "reviewed_since must be"),
        ("reviewed_since=2026-05-02T12:00:00", "reviewed_since must be"),
        ("reviewed_since=2026-05-02T25:00:00Z", "reviewed_since must be"),
        ("reviewed_since=0001-01-01T00:00:00%2B14:00", "reviewed_since must be"),
        ("reviewed_since=", "reviewed_since must be"),
        ("stack=a&stack=b", "stack is given 2 times"),
        ("stack=", "stack must be the slug"),
        ("q=", "q must have 1 to 200 characters"),
        (f"q={'x' * 201}", "q must have 1 to 200 characters"),
        ("order_by=pk", "Unknown parameter"),
        ("pk__gt=1", "Unknown parameter"),
        ("stack__name=x", "Unknown parameter"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused_in_words(client, query, words):
    problem = ask(client, f"/api/posts/?{query}", 400)
    assert words in problem["detail"] and problem["status"] == 400


def test_the_document_says_which_values_a_parameter_takes(client):
    operation = client.get("/api/openapi.json").json()["paths"]["/api/posts/"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
    assert schemas["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    for name, taken, refused in (
        ("q", ["x", "x" * 200], ["", "x" * 201]),
        ("stack", ["go-services"], ["", "x" * 201]),
        (
            "cursor",
            ["0-0", f"{'9' * 17}-{'9' * 18}"],
            ["", "x", "1", f"{'9' * 18}-1", f"1-{'9' * 19}", "-1-1", "1-1\n"],
        ),
    ):
        validator = jsonschema.Draft202012Validator(schemas[name])
        for value in taken:
            assert validator.is_valid(value) and client.get("/api/posts/", {name: value}).status_code in (200, 404)
        for value in refused:
            assert not validator.is_valid(value) or value.endswith("\n"), value
            assert client.get("/api/posts/", {name: value}).status_code == 400, value


def test_the_far_ends_of_time_are_moments_like_others(client):
    make_post(slug="only", released=True)
    assert named(client, "?reviewed_since=0001-01-01") == ["only"]
    assert named(client, "?reviewed_since=9999-12-31") == []
    assert named(client, "?cursor=0-0") == [] and named(client, f"?cursor={'1' + '0' * 17}-1") == ["only"]


def test_a_search_of_the_api_finds_what_the_page_finds_in_its_order(client):
    for slug, title in (("about", "Queues explained"), ("kafka", "Queues and Kafka"), ("other", "Something else")):
        make_post(slug=slug, released=True, title=title, body="A queue.", tags=["kept"] if slug != "kafka" else [])
    for words in ("queue", "queue -kafka", '"queues and"', "zebra", "?!"):
        page = client.get("/search/", {"q": words}).content.decode()
        shown = re.findall(r'<h2>\s*<a href="/posts/([\w-]+)/"', page)
        assert named(client, f"?{urlencode({'q': words})}") == shown, words
    assert named(client, "?q=queue&tag=kept") == ["about", "other"]
    ListedText.objects.exclude(post__slug="other").update(reviewed_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert named(client, "?q=queue&reviewed_since=2021-01-01") == ["other"]


def test_pages_of_a_search_hold_every_post_once_whatever_is_withdrawn_meanwhile(client):
    for number in range(5):
        make_post(slug=f"post-{number}", released=True, title="Queues")
    found = pages(client, "q=queue&limit=2")
    assert [len(page) for page in found] == [2, 2, 1]
    assert {slug for page in found for slug in page} == {f"post-{number}" for number in range(5)}
    first = ask(client, "/api/posts/?q=queue&limit=2")
    withdraw_post(Post.objects.get(slug=found[0][0]), by=person())
    assert named(client, f"?{urlsplit(first['next']).query}") == found[1]
    assert named(client, "?q=queue&cursor=99-1") == []


def test_the_next_page_is_named_in_a_header_too(client):
    for number in range(2):
        make_post(slug=f"post-{number}", released=True)
    response = client.get("/api/posts/?limit=1")
    assert response["Link"] == f'<{response.json()["next"]}>; rel="next"'
    assert "Link" not in client.get("/api/posts/")


NOWHERE = [
    "/api/nope/",
    "/api/nope",
    "/api/posts/%1D/",
    "/api/posts/a/b/",
    "/api/posts/a b/",
    "/api/v1/",
    "/api/x.json",
]


@pytest.mark.parametrize("address", NOWHERE)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_address_that_the_api_does_not_have_is_a_problem_in_json(client, address, method):
    response = getattr(client, method)(address)
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response["Access-Control-Allow-Origin"] == "*" and response.json()["status"] == 404


def test_only_the_slash_at_the_end_of_an_address_may_be_missing(client):
    for address, whole in (("/api", "/api/"), ("/api/posts", "/api/posts/"), ("/api/posts/x?q=1", "/api/posts/x/?q=1")):
        response = client.get(address)
        assert (response.status_code, response["Location"]) == (301, whole)
    assert client.post("/api/posts").status_code == 404


@pytest.mark.parametrize("address", ["/api/", "/api/posts/", "/api/posts/never/", "/api/openapi.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
def test_a_method_that_an_address_does_not_take_is_refused_with_those_that_it_takes(method, address):
    # A browser's client: a form of another site has no token of ours.
    client = Client(enforce_csrf_checks=True)
    response = client.generic(method, address, b"{}", content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, HEAD, OPTIONS" and response["Access-Control-Allow-Origin"] == "*"
    assert response.json()["detail"] == "This address takes GET, HEAD, OPTIONS."


@pytest.mark.parametrize("address", ["/api/", "/api/posts/", "/api/posts/never/", "/api/openapi.json"])
def test_a_page_of_another_site_may_ask_before_it_sends_a_condition(client, address):
    asked = {"Origin": "https://other.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "if-none-match"}  # fmt: skip
    response = client.options(address, headers=asked)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == "*" and response["Allow"] == "GET, HEAD, OPTIONS"
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert "If-None-Match" in response["Access-Control-Allow-Headers"].split(", ")
    assert int(response["Access-Control-Max-Age"]) > 0


def test_a_page_of_another_site_reads_etags_and_learns_that_nothing_changed(client):
    first = client.get("/api/posts/")
    same = client.get("/api/posts/", headers={"If-None-Match": first["ETag"]})
    assert same.status_code == 304
    for response in (first, same):
        assert response["Access-Control-Allow-Origin"] == "*"
        assert {"ETag", "Link", "Retry-After"} <= set(response["Access-Control-Expose-Headers"].split(", "))


def test_a_browser_gets_a_page_that_names_what_the_document_names(client):
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
    page = client.get("/api/", headers=browser)
    assert page["Content-Type"] == "text/html; charset=utf-8" and "Accept" in page["Vary"]
    html = page.content.decode()
    for path, item in client.get("/api/openapi.json").json()["paths"].items():
        assert path in html
        for operation in item.values():
            for parameter in operation["parameters"]:
                assert f"<code>{parameter['name']}</code>" in html
    for accept in ("*/*", "application/json", ""):
        assert client.get("/api/", headers={"Accept": accept}).json()["posts"]


def test_each_page_leads_to_the_api_and_the_feeds(client):
    footer = client.get("/").content.decode().rpartition("<footer")[2]
    for address in ("/api/", "/feed/", "/feed.json"):
        assert f'href="{address}"' in footer


def test_an_answer_that_nothing_changed_is_not_sent_again(client):
    post = make_post(released=True)
    for address in ("/api/posts/", f"/api/posts/{post.slug}/", "/api/openapi.json"):
        tag = client.get(address)["ETag"]
        same = client.get(address, headers={"If-None-Match": tag})
        assert (same.status_code, same.content) == (304, b"")
    tag = client.get(f"/api/posts/{post.slug}/")["ETag"]
    flag_post(post, by=person("Staff"), note="Look.")
    assert client.get(f"/api/posts/{post.slug}/", headers={"If-None-Match": tag}).status_code == 200


def test_a_closed_import_leaves_the_list_at_once(client):
    post = make_post(slug="closed", released=True)
    make_post(slug="open", released=True)
    switch_batch_index(ImportBatch.objects.get(pk=post.last_batch_id), is_open=False, by=person("Staff"))
    for query in ("", "?stack=go-services", "?reviewed_since=2020-01-01"):
        assert named(client, query) == ["open"], query


def test_a_site_that_is_switched_off_lists_nothing(client, settings):
    make_post(released=True)
    settings.INDEXING = False
    for query in ("", "?stack=go-services", "?reviewed_since=2020-01-01"):
        assert named(client, query) == [], query
