"""Preview links: one text for people without an account, with an end, and without a trace in caches and logs."""

import datetime
import logging
import re

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.logs import JsonFormatter
from posts.models import AuditEntry, Post, PreviewAnswer, PreviewLink
from posts.operations import NotAllowed, Refused, withdraw_post
from posts.operations import preview_links as operations
from posts.operations.preview_links import TooManyPreviews, answer_preview, make_preview_link, revoke_preview_link
from tests.factories import approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db


def link_to(post, *, by=None, **options):
    """Return (PreviewLink, its address) for the proposed text of a post."""
    link, token = make_preview_link(fresh(post).head_revision, by=by or person(), **{"days": 7} | options)
    return link, reverse("posts:preview", args=[token])


def stamp_of(page):
    return re.search(r'name="stamp" value="([^"]+)"', page.content.decode())[1]


def send(client, address, **fields):
    data = {"stance": "agree", "name": "Ada", "words": "", "stamp": stamp_of(client.get(address))} | fields
    return client.post(address, data)


def draft():
    """Return a post that readers see nothing of."""
    return make_post(held=True, title="Held back", body="Only with a link.")


def test_a_link_shows_exactly_its_text_without_an_account_and_says_when_there_is_a_newer_one(client):
    post = draft()
    _, address = link_to(post)
    assert client.get(post.get_absolute_url()).status_code == 404
    page = client.get(address).content.decode()
    assert "Only with a link." in page and "There is a newer version" not in page
    assert '<meta name="robots" content="noindex">' in page
    edit(post, body="Written later.")
    page = client.get(address).content.decode()
    assert "Only with a link." in page and "Written later." not in page
    assert "There is a newer version." in page and "This link shows 1.0.0 alone." in page
    for part in ('type="search"', "<footer", "<script", "canonical", "application/json", "csrfmiddlewaretoken"):
        assert part not in page, part


def ended(post, address, link, how):
    if how == "expired":
        PreviewLink.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    elif how == "revoked":
        revoke_preview_link(link, by=person("Editors"))
    elif how == "withdrawn":
        withdraw_post(post, by=person())
    elif how == "wrong secret":
        return address[:-2] + ("a/" if address[-2] != "a" else "b/")
    elif how == "cut off":
        return address[:20] + "/"
    elif how == "never there":
        return reverse("posts:preview", args=["0" * 59])
    return address


WAYS = ["expired", "revoked", "withdrawn", "wrong secret", "cut off", "never there"]


def test_every_link_that_is_not_open_gets_the_same_page(client):
    pages = set()
    for how in WAYS:
        post = draft()
        link, address = link_to(post)
        answer = client.get(ended(post, address, link, how))
        pages.add((answer.status_code, answer.content))
        PreviewLink.objects.all().delete()
    [(status, page)] = pages
    assert status == 404 and "This link shows no preview" in page.decode() and 'content="noindex"' in page.decode()


@pytest.mark.parametrize("how", ["open", *WAYS])
@pytest.mark.parametrize("method", ["get", "head", "post", "put"])
def test_no_answer_is_cached_indexed_referred_or_sets_a_cookie(client, how, method):
    post = draft()
    link, address = link_to(post, asks=True)
    # A session of this browser stays as it is.
    client.force_login(person())
    answer = getattr(client, method)(ended(post, address, link, how))
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers and not answer.cookies and "ETag" not in answer.headers
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("odd", ["%00", "é" * 60, "a" * 5000, "..", "%ff", "0" * 16 + "é"])
def test_an_odd_address_is_one_that_shows_nothing(client, odd):
    answer = client.get(f"/preview/{odd}/")
    assert answer.status_code == 404 and answer["X-Robots-Tag"] == "noindex, nofollow"


def test_the_site_stores_no_secret_and_logs_none(client, caplog):
    post = draft()
    link, address = link_to(post, asks=True)
    secret = address.rstrip("/")[-43:]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert secret not in repr(cursor.fetchall()), table
    caplog.set_level(logging.DEBUG)
    client.get(address)
    client.post(address, {})
    revoke_preview_link(link, by=person())
    client.get(address)
    lines = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if "django.db" not in record.name]
    assert len(lines) >= 3
    assert not [line for line in lines if secret in line]


def test_people_who_edit_or_review_make_links_and_revoke_them():
    post = draft()
    for group in ("Editors", "Reviewers"):
        link, _ = link_to(post, by=person(group), purpose="For the lawyer")
        revoke_preview_link(link, by=person(group))
        with pytest.raises(Refused, match="already revoked"):
            revoke_preview_link(link, by=person(group))
    with pytest.raises(NotAllowed):
        link_to(post, by=person("Staff"))
    with pytest.raises(NotAllowed):
        revoke_preview_link(link_to(post)[0], by=person("Staff"))
    entries = AuditEntry.objects.filter(action__startswith="preview link").order_by("pk")
    assert list(entries.values_list("action", "detail"))[:2] == [
        ("preview link made", "for 7 days. For the lawyer"),
        ("preview link revoked", "For the lawyer"),
    ]


def test_a_link_has_an_end_that_is_offered_and_a_post_has_a_limited_number_of_links(monkeypatch):
    post = draft()
    for days in (0, 2, 365):
        with pytest.raises(Refused, match="Choose how long"):
            link_to(post, days=days)
    with pytest.raises(Refused, match="at most 200 characters"):
        link_to(post, purpose="x" * 201)
    monkeypatch.setattr(operations, "MOST_OPEN", 1)
    link_to(post)
    with pytest.raises(Refused, match="1 open preview links"):
        link_to(post)
    withdraw_post(post, by=person())
    with pytest.raises(Refused, match="is withdrawn"):
        link_to(post)


def test_an_answer_is_evidence_beside_the_decision_and_decides_nothing(client):
    post = make_post(title="Waiting")
    _, address = link_to(post, asks=True, purpose="Legal")
    before = Post.objects.values().get()
    answer = send(client, address, stance="object", name=" Ada  L. ", words="<script>alert(1)</script> is wrong")
    assert answer.status_code == 302 and answer["Location"] == f"{address}?sent"
    assert "Thank you." in client.get(answer["Location"]).content.decode()
    kept = PreviewAnswer.objects.get()
    assert (kept.name, kept.agrees) == ("Ada L.", False)
    assert Post.objects.values().get() == before and not fresh(post).head_revision.reviews.exists()
    client.force_login(person())
    for name in ("review", "posts_post_preview_links"):
        page = client.get(reverse(f"admin:{name}", args=[post.pk])).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt; is wrong" in page and "<script>alert" not in page, name
        assert "objects to" in page and "Legal" in page
    entry = AuditEntry.objects.get(action="preview answered")
    assert entry.fingerprint == post.head_revision.fingerprint and "Ada L. objects" in entry.detail
    assert entry.made_by is None
    approve(post)
    assert fresh(post).is_live


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"stance": ""}, 422, "Choose an answer."),
        ({"name": " "}, 422, "Enter your name."),
        ({"stance": "object"}, 422, "Say what you object to."),
        ({"words": "x" * 2001}, 422, "2000"),
        ({"name": "x" * 101}, 422, "100"),
        ({"words": "a\x00b"}, 422, "Null characters"),
        ({"stamp": ""}, 403, "This form has expired"),
        ({"stamp": "x:y:z"}, 403, "This form has expired"),
    ],
)
def test_an_invalid_answer_comes_back_with_what_was_typed(client, fields, status, words):
    _, address = link_to(draft(), asks=True)
    answer = send(client, address, **{"name": "Ada Lovelace"} | fields)
    assert answer.status_code == status and words in answer.content.decode()
    assert "name" in fields or "Ada Lovelace" in answer.content.decode()
    assert not PreviewAnswer.objects.exists()


def test_the_form_needs_the_stamp_of_its_own_link_and_no_cookie():
    _, address = link_to(draft(), asks=True)
    _, other = link_to(draft(), asks=True)
    client = Client(enforce_csrf_checks=True)
    assert send(client, address, stamp=stamp_of(client.get(other))).status_code == 403
    assert send(client, address).status_code == 302
    assert not client.cookies


def test_a_program_that_fills_everything_in_is_thanked_and_dropped(client):
    _, address = link_to(draft(), asks=True)
    assert send(client, address, website="http://x").status_code == 302
    assert not PreviewAnswer.objects.exists()


def test_a_link_that_asks_nothing_takes_no_answer(client):
    link, address = link_to(draft())
    _, other = link_to(draft(), asks=True)
    assert "Your answer" not in client.get(address).content.decode()
    with pytest.raises(Refused, match="no longer takes answers"):
        answer_preview(link, agrees=True, name="Ada", address="")
    assert client.post(address, {"stamp": stamp_of(client.get(other))}).status_code == 403


def test_visits_misses_and_answers_are_limited(client, monkeypatch):
    link, address = link_to(draft(), asks=True)
    monkeypatch.setattr(operations, "ANSWERS_A_DAY_FROM_ONE_ADDRESS", 1)
    assert send(client, address).status_code == 302
    answer = send(client, address)
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0 and "Ada" in answer.content.decode()
    answer_preview(link, agrees=True, name="From elsewhere", address="192.0.2.9")
    monkeypatch.setattr(operations, "MOST_ANSWERS", 2)
    with pytest.raises(Refused, match="as many answers"):
        answer_preview(link, agrees=True, name="Third", address="192.0.2.10")
    monkeypatch.setattr(operations, "MISSES_A_DAY_FROM_ONE_ADDRESS", 1)
    wrong = reverse("posts:preview", args=["0" * 59])
    assert [client.get(wrong).status_code for _ in range(2)] == [404, 429]
    monkeypatch.setattr(operations, "VIEWS_A_DAY_OF_ONE_LINK", 1)
    assert client.get(address).status_code == 429
    with pytest.raises(TooManyPreviews):
        operations.open_preview(address.split("/")[2], address="")


def test_the_address_of_a_new_link_is_shown_once(client):
    post = draft()
    client.force_login(person("Editors"))
    page_address = reverse("admin:posts_post_preview_links", args=[post.pk])
    form = {"act": "make", "revision": post.head_revision_id, "days": "3", "purpose": "Ada & Co", "asks": "on"}
    page = client.post(page_address, form).content.decode()
    address = re.search(r'value="(http[^"]+/preview/[^"]+)"', page)[1]
    assert address.startswith(django_settings.SITE_URL)
    assert 'value="http' not in client.get(page_address).content.decode()
    assert Client().get(address.removeprefix(django_settings.SITE_URL)).status_code == 200
    form_page = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    assert "Ada &amp; Co" in form_page and 'value="revoke"' in form_page
    answer = client.post(page_address, {"act": "revoke", "link": PreviewLink.objects.get().pk}, follow=True)
    assert "The link is revoked." in answer.content.decode()
    assert Client().get(address.removeprefix(django_settings.SITE_URL)).status_code == 404


def test_a_link_or_a_text_of_another_post_is_refused(client):
    post, other = draft(), draft()
    link, _ = link_to(other)
    client.force_login(person())
    address = reverse("admin:posts_post_preview_links", args=[post.pk])
    for data in (
        {"act": "revoke", "link": link.pk},
        {"act": "make", "revision": other.head_revision_id, "days": "3"},
        {"act": "make", "revision": post.head_revision_id, "days": "x"},
    ):
        assert client.post(address, data).status_code == 422
    assert PreviewLink.objects.filter(revoked_at=None).count() == 1


def test_the_pages_ask_the_same_number_of_queries_for_one_link_and_for_ten(client):
    post = make_post()
    client.force_login(person())
    addresses = [reverse(f"admin:{name}", args=[post.pk]) for name in ("posts_post_preview_links", "review")]

    def counts():
        found = []
        for address in addresses:
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            found.append(len(queries))
        return found

    link, _ = link_to(post, asks=True)
    answer_preview(link, agrees=True, name="Ada", address="")
    few = counts()
    for number in range(9):
        link, _ = link_to(post, asks=True)
        answer_preview(link, agrees=False, name=f"Number {number}", words="No.", address="")
    assert counts() == few


def test_a_page_that_breaks_keeps_the_address_out_of_the_log(monkeypatch, caplog):
    _, address = link_to(make_post())
    monkeypatch.setattr("posts.public.preview.article_context", lambda *args, **more: 1 / 0)
    caplog.handler.setFormatter(JsonFormatter())
    assert Client(raise_request_exception=False).get(address).status_code == 500
    assert "Internal Server Error: /preview/" in caplog.text
    assert address.split("/")[2] not in caplog.text
