"""Flags: raised with one click, answered by a person, never raised again for the same answer."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from lxml import etree

from posts.models import Post, ReviewFlag
from posts.operations import Refused, clear_flag, flag_by_check, flag_post, record_revision, report_problem
from posts.rendering.dates import day
from tests.factories import FORM_ALL_MET, approve, make_post, person

pytestmark = pytest.mark.django_db


def address(post):
    return reverse("admin:posts_post_flag", args=[post.pk])


def test_one_click_in_a_row_of_the_list_flags_the_post(client):
    post = make_post(released=True)
    client.force_login(person("Staff"))
    rows = client.get(reverse("admin:posts_post_changelist")).content.decode()
    assert f'formaction="{address(post)}"' in rows
    page = client.post(address(post), {"quick": "1", "index": "0", "action": ""}, follow=True)
    assert "The post stays closed to search engines until a person answers the flag." in page.content.decode()
    assert page.request["PATH_INFO"] == reverse("admin:posts_post_changelist")
    assert ReviewFlag.objects.get().reason == "staff" and not Post.objects.indexable().exists()


def sheet(client, post):
    """Return the words beside "needs human review" in the meta box of a page."""
    page = etree.HTML(client.get(post.get_absolute_url()).content.decode())
    found = page.xpath("//li[span[@class='flags__label']='needs human review']")
    return " ".join(found[0].itertext()).split("review", 1)[1].strip() if found else ""


@pytest.mark.parametrize("flags", [{"needs_human_review": 0, "has_images": 0}, {"has_images": 0}, None])
@pytest.mark.parametrize("released", [True, False])
def test_a_flag_raised_here_is_the_answer_of_the_site_on_every_surface(client, superuser, flags, released):
    post = make_post(released=released, **({"flags": flags} if flags else {}))
    claim = "no" if "needs_human_review" in (flags or {}) else ""
    addresses = [reverse(f"posts:{name}", args=[post.slug]) for name in ("record", "api-post")]
    assert sheet(client, post) == claim
    for address in addresses:
        review = client.get(address).json()["review"]
        assert (review["needs_human_review"], review["flagged_at"]) == (False, None)
    flag = flag_post(post, by=superuser, note="Look.")
    on = day(flag.raised_at)
    assert sheet(client, post) == f"yes, flagged here on {on}"
    for address in addresses:
        review = client.get(address).json()["review"]
        assert review["needs_human_review"] is True
        assert parse_datetime(review["flagged_at"]) == flag.raised_at.replace(
            microsecond=flag.raised_at.microsecond // 1000 * 1000
        )
    for name in ("posts:feed", "posts:json-feed", "posts:api-posts", "posts:articles"):
        assert f"/posts/{post.slug}/" not in client.get(reverse(name)).content.decode()
    client.force_login(superuser)
    preview = client.get(reverse("admin:posts_post_preview", args=[post.pk])).content.decode()
    assert f"yes, flagged here on {on}" in preview
    client.logout()
    clear_flag(flag, by=superuser, note="Looked.")
    assert sheet(client, post) == claim


def test_a_flag_that_the_source_raised_is_a_claim_and_the_site_says_that_a_person_is_asked(client):
    post = make_post(flags={"needs_human_review": 1})
    assert sheet(client, post) == "yes"
    review = client.get(reverse("posts:record", args=[post.slug])).json()["review"]
    assert (review["needs_human_review"], review["flagged_at"]) == (True, None)


def test_a_listed_post_of_the_api_is_flagged_by_nobody(client):
    make_post(released=True)
    (item,) = client.get(reverse("posts:api-posts")).json()["posts"]
    assert (item["review"]["needs_human_review"], item["review"]["flagged_at"]) == (False, None)


def test_who_may_not_flag_sees_no_button(client):
    make_post()
    client.force_login(person("Editors"))
    assert "formaction" not in client.get(reverse("admin:posts_post_changelist")).content.decode()


def test_a_readers_page_leads_staff_to_the_flag_and_anybody_else_to_the_login(client):
    post = make_post(released=True)
    assert f'href="{address(post)}"' in client.get(post.get_absolute_url()).content.decode()
    answer = client.get(address(post))
    assert answer.status_code == 302 and answer.headers["Location"].startswith(reverse("admin:login"))
    client.force_login(person("Staff"))
    page = client.post(address(post), {"reason": "rights", "note": "Whose picture is it?"}, follow=True)
    assert "Rights or sources" in page.content.decode() and "Whose picture is it?" in page.content.decode()


def test_an_address_to_go_back_to_stays_on_this_site(client):
    post = make_post()
    client.force_login(person("Staff"))
    answer = client.post(address(post), {"quick": "1", "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == reverse("admin:posts_post_changelist")
    answer = client.post(address(post), {"note": "Again.", "next": reverse("admin:index")})
    assert answer.headers["Location"] == reverse("admin:index")


def test_the_same_click_twice_is_one_flag():
    post, staff = make_post(), person("Staff")
    assert flag_post(post, by=staff) == flag_post(post, by=staff)
    flag_post(post, by=person("Staff"))
    assert ReviewFlag.objects.count() == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"reason": "source"}, "Choose a reason from the list"),
        ({"note": "x" * 501}, "at most 500 characters; this has 501"),
        ({"note": "a\x00"}, "characters that can't be stored"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(said, words):
    with pytest.raises(Refused, match=words):
        flag_post(make_post(), by=person("Staff"), **said)
    assert not ReviewFlag.objects.exists()


def test_a_rule_asks_once_about_one_text_and_again_about_another():
    post = make_post(released=True, summary="First.")
    found = {"rule": "repeats", "fingerprint": post.live_revision.fingerprint, "note": "Like post 7."}
    flag = flag_by_check(post, **found)
    assert str(flag) == "Flagged by a check: Like post 7." and not Post.objects.indexable().exists()
    assert flag_by_check(post, **found) is None
    approve(post)
    assert Post.objects.indexable().exists()
    assert flag_by_check(post, **found) is None
    assert flag_by_check(post, **{**found, "rule": "other"}) is not None
    clear_flag(ReviewFlag.objects.get(rule="other"), by=person("Staff"), note="Looked.")
    assert flag_by_check(post, **{**found, "rule": "other"}) is None
    record_revision(post, {**post.working_record(), "summary": "Second."}, by=person("Editors"))
    head = Post.objects.get().head_revision.fingerprint
    assert flag_by_check(post, **{**found, "fingerprint": head}) is not None


def test_a_rule_that_read_a_text_of_the_past_says_nothing():
    post = make_post(summary="First.")
    old = post.head_revision.fingerprint
    record_revision(post, {**post.working_record(), "summary": "Second."}, by=person("Editors"))
    assert flag_by_check(post, rule="repeats", fingerprint=old) is None
    assert not ReviewFlag.objects.exists()


def test_flags_and_reports_are_answered_on_one_page_and_a_refusal_keeps_what_was_typed(client):
    post = make_post(released=True, flagged=True, checklist=["true"])
    report_problem(post, reason="code", note="It does not run.", address="192.0.2.1")
    client.force_login(person())
    page = client.get(address(post))
    assert "Look at the numbers." in page.content.decode() and "It does not run." in page.content.decode()
    answer = client.post(address(post), {"act": "clear", "flag": post.review_flags.get().pk, "why": " "})
    assert answer.status_code == 422 and "Say why the flag no longer applies." in answer.content.decode()
    answer = client.post(address(post), {"reason": "mood", "note": "Typed and kept."})
    assert answer.status_code == 422 and "Typed and kept." in answer.content.decode()
    said = {"act": "confirm", "fingerprint": "x" * 64, "flags_seen": post.review_flags.get().pk}
    assert client.post(address(post), said).status_code == 409
    said["fingerprint"] = post.live_revision.fingerprint
    answer = client.post(address(post), said | {"answer-harm": "met"})
    assert answer.status_code == 422 and "2 of the review guideline not answered" in answer.content.decode()
    assert 'name="answer-harm" value="met" checked' in answer.content.decode()
    said |= FORM_ALL_MET
    page = client.post(address(post), said, follow=True).content.decode()
    assert "Confirmed. 1.0.0 stays as it is" in page and "open to search engines" in page
    report = post.reader_reports.get()
    page = client.post(address(post), {"act": "answer", "report": report.pk, "why": "Mended."}, follow=True)
    assert "Mended." in page.content.decode() and not Post.objects.reported().exists()


def test_the_page_costs_the_same_with_one_flag_and_with_fifteen(client):
    post = make_post()
    client.force_login(person("Staff"))
    counts = []
    for number in (1, 15):
        for index in range(number):
            flag_post(post, by=person("Staff"), note=f"{number} {index}")
            report_problem(Post.objects.get(), reason="facts", address=f"192.0.2.{number + index}")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address(post)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20
