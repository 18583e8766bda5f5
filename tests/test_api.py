"""The read-only API: which posts it lists, what it says of each, and that its document is correct."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import jsonschema
import pytest
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
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(answer)
    return answer


def named(client, query="", status=200):
    return [item["record"]["slug"] for item in ask(client, f"/api/posts/{query}", status)["posts"]]


def test_the_document_is_valid_and_names_every_address(client, settings):
    settings.SITE_CONTACT = "api@articles.example"
    document = client.get("/api/openapi.json").json()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert set(document["paths"]) == {"/api/posts/", "/api/posts/{slug}/"}
    assert document["servers"] == [{"url": settings.SITE_URL}]
    assert document["info"]["contact"] == {"email": "api@articles.example"}
    start = client.get("/api/").json()
    assert urlsplit(start["posts"]).path == "/api/posts/" and urlsplit(start["openapi"]).path == "/api/openapi.json"


def test_the_document_names_the_parameters_that_the_list_takes_and_no_others(client):
    operation = client.get("/api/openapi.json").json()["paths"]["/api/posts/"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"limit", "cursor", "reviewed_since", *KINDS}
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
    assert named(client, "?stack=no-such-stack") == named(client, "?stack=rust-tools&tag=no-such-tag") == []
    assert named(client, "?stack=") == named(client, "?stack=%27%20OR%201=1") == []


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
        ("cursor=%00-1", "NUL"),
        ("reviewed_since=yesterday", "reviewed_since must be"),
        ("reviewed_since=2026-02-30", "reviewed_since must be"),
        ("reviewed_since=2026-05-02T12:00:00", "reviewed_since must be"),
        ("reviewed_since=2026-05-02T25:00:00Z", "reviewed_since must be"),
        ("reviewed_since=0001-01-01T00:00:00%2B14:00", "reviewed_since must be"),
        ("reviewed_since=", "reviewed_since must be"),
        ("stack=a&stack=b", "stack is given 2 times"),
        ("stack=a%00b", "stack contains a NUL character"),
        ("order_by=pk", "Unknown parameter"),
        ("pk__gt=1", "Unknown parameter"),
        ("stack__name=x", "Unknown parameter"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused_in_words(client, query, words):
    problem = ask(client, f"/api/posts/?{query}", 400)
    assert words in problem["detail"] and problem["status"] == 400


def test_the_far_ends_of_time_are_moments_like_others(client):
    make_post(slug="only", released=True)
    assert named(client, "?reviewed_since=0001-01-01") == ["only"]
    assert named(client, "?reviewed_since=9999-12-31") == []
    assert named(client, "?cursor=0-0") == [] and named(client, f"?cursor={'1' + '0' * 17}-1") == ["only"]


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
