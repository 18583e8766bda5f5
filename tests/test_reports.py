"""Reader reports: without an account, without a trace of the reader, without effect on indexing."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.jobs import registered_jobs
from posts.models import AuditEntry, Post, ReaderReport, ReportTally
from posts.operations import NotAllowed, Refused, TooManyReports, answer_report, change_slug, report_problem
from posts.operations.report import REPORTS_A_DAY_ABOUT_ONE_POST, REPORTS_A_DAY_FROM_ONE_ADDRESS
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db


def address(post):
    return reverse("posts:report", args=[post.slug])


def test_a_reader_reports_a_problem_and_it_waits_for_a_person(client):
    post = make_post(released=True)
    assert address(post) in client.get(post.get_absolute_url()).content.decode()
    page = client.get(address(post))
    assert page.headers["Cache-Control"] == "private, no-store" and page.headers["X-Robots-Tag"] == "noindex"
    page = client.post(address(post), {"reason": "facts", "note": " The figure is <b>wrong</b>. "}, follow=True)
    assert "Thank you." in page.content.decode()
    report = ReaderReport.objects.get()
    assert (report.note, report.fingerprint) == ("The figure is <b>wrong</b>.", post.live_revision.fingerprint)
    assert list(Post.objects.reported()) == [post]
    assert Post.objects.get().is_indexable and Post.objects.indexable().exists()
    client.force_login(person("Staff"))
    make_post(title="Nobody reported this one")
    queue = client.get(reverse("admin:posts_post_changelist"), {"place": "reported"})
    assert [row.pk for row in queue.context["cl"].result_list] == [post.pk]
    desk = client.get(reverse("admin:posts_post_flag", args=[post.pk])).content.decode()
    assert "The figure is &lt;b&gt;wrong&lt;/b&gt;." in desk


def test_an_unclear_report_is_shown_again_with_what_was_typed(client):
    post = make_post()
    answer = client.post(address(post), {"note": "Typed and kept."})
    assert answer.status_code == 422
    assert "Choose what is wrong." in answer.content.decode() and "Typed and kept." in answer.content.decode()
    assert client.post(address(post), {"reason": "facts", "note": "x" * 1001}).status_code == 422
    assert client.post(address(post), {"reason": "facts", "note": "a\x00b"}).status_code == 422
    assert not ReaderReport.objects.exists()


def test_what_a_program_fills_in_is_thanked_for_and_dropped(client):
    post = make_post()
    assert client.post(address(post), {"reason": "other", "website": "http://x"}).status_code == 302
    assert not ReaderReport.objects.exists()


def test_a_report_needs_the_form_of_this_site():
    post = make_post()
    assert Client(enforce_csrf_checks=True).post(address(post), {"reason": "facts"}).status_code == 403
    assert not ReaderReport.objects.exists()


def test_a_page_that_nobody_sees_takes_no_report(client):
    hidden = make_post()
    Post.objects.filter(pk=hidden.pk).update(held=True)
    assert client.get(address(hidden)).status_code == 404
    assert client.post(address(hidden), {"reason": "facts"}).status_code == 404
    with pytest.raises(Refused, match="This article is no longer available"):
        report_problem(Post.objects.get(), reason="facts", address="192.0.2.1")


def test_one_address_may_report_so_often_a_day_and_others_still_may(client):
    post = make_post()
    for _ in range(REPORTS_A_DAY_FROM_ONE_ADDRESS):
        assert client.post(address(post), {"reason": "facts"}, REMOTE_ADDR="192.0.2.7").status_code == 302
    answer = client.post(address(post), {"reason": "facts", "note": "Kept here."}, REMOTE_ADDR="192.0.2.7")
    assert answer.status_code == 429 and "Kept here." in answer.content.decode()
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    spoofed = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "198.51.100.9"}
    assert client.post(address(post), {"reason": "facts"}, **spoofed).status_code == 429
    assert client.post(address(post), {"reason": "facts"}, REMOTE_ADDR="192.0.2.8").status_code == 302
    assert ReaderReport.objects.count() == REPORTS_A_DAY_FROM_ONE_ADDRESS + 1


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_wrote(client, settings):
    settings.BEHIND_PROXY = True
    post = make_post()
    for number in range(REPORTS_A_DAY_FROM_ONE_ADDRESS + 1):
        forwarded = f"198.51.100.{number}, 203.0.113.5"
        answer = client.post(address(post), {"reason": "facts"}, HTTP_X_FORWARDED_FOR=forwarded)
    assert answer.status_code == 429


@pytest.mark.parametrize(
    "sent", ["203.0.113.5:4711", "::ffff:203.0.113.5", "[::ffff:203.0.113.5]:80", "1, 203.0.113.5"]
)
def test_the_address_counts_in_whatever_form_the_proxy_writes_it(client, settings, sent):
    settings.BEHIND_PROXY = True
    post = make_post()
    for _ in range(REPORTS_A_DAY_FROM_ONE_ADDRESS):
        report_problem(post, reason="facts", address="203.0.113.5")
    assert client.post(address(post), {"reason": "facts"}, HTTP_X_FORWARDED_FOR=sent).status_code == 429


@pytest.mark.parametrize("header", [{}, {"HTTP_X_FORWARDED_FOR": ""}, {"HTTP_X_FORWARDED_FOR": "unknown"}])
def test_readers_whose_address_the_proxy_keeps_don_t_use_up_each_others_allowance(client, settings, header):
    settings.BEHIND_PROXY = True
    posts = [make_post(), make_post()]
    for _ in range(REPORTS_A_DAY_FROM_ONE_ADDRESS + 3):
        assert client.post(address(posts[0]), {"reason": "facts"}, **header).status_code == 302
    for _ in range(REPORTS_A_DAY_ABOUT_ONE_POST - REPORTS_A_DAY_FROM_ONE_ADDRESS - 3):
        report_problem(posts[0], reason="facts", address="")
    assert client.post(address(posts[0]), {"reason": "facts"}, **header).status_code == 429
    assert client.post(address(posts[1]), {"reason": "facts"}, **header).status_code == 302


def test_the_log_says_once_that_the_proxy_keeps_the_addresses(settings, caplog):
    settings.BEHIND_PROXY = True
    client = Client()
    client.get("/healthz")
    client.get("/", HTTP_X_FORWARDED_FOR="192.0.2.1")
    assert "X-Forwarded-For" not in caplog.text
    for _ in range(3):
        client.get("/")
    assert caplog.text.count("came without X-Forwarded-For") == 1


def test_one_post_takes_so_many_reports_a_day_and_tomorrow_more():
    post = make_post()
    now = datetime.datetime(2026, 5, 1, 23, 59, tzinfo=datetime.UTC)
    ReportTally.objects.all().delete()
    for number in range(REPORTS_A_DAY_ABOUT_ONE_POST):
        report_problem(post, reason="facts", address=f"198.51.100.{number % 250}", now=now)
    with pytest.raises(TooManyReports) as refusal:
        report_problem(post, reason="facts", address="203.0.113.1", now=now)
    assert refusal.value.retry_after == 60
    report_problem(post, reason="facts", address="203.0.113.1", now=now + datetime.timedelta(minutes=1))
    assert {tally.day for tally in ReportTally.objects.all()} == {datetime.date(2026, 5, 2)}


def test_a_household_of_the_new_internet_counts_as_one_sender():
    post = make_post()
    for number in range(REPORTS_A_DAY_FROM_ONE_ADDRESS):
        report_problem(post, reason="facts", address=f"2001:db8:1:2::{number}")
    with pytest.raises(TooManyReports):
        report_problem(post, reason="facts", address="2001:db8:1:2:ffff::1")
    report_problem(post, reason="facts", address="2001:db8:1:3::1")


def test_nothing_leads_from_the_database_to_a_reader():
    post = make_post()
    report_problem(post, reason="facts", address="192.0.2.77")
    kept = (
        f"{list(ReaderReport.objects.values())}{list(ReportTally.objects.values())}{list(AuditEntry.objects.values())}"
    )
    assert "192.0.2" not in kept


def test_a_report_is_answered_once_by_who_may_flag():
    post = make_post()
    report = report_problem(post, reason="facts", address="192.0.2.1")
    with pytest.raises(NotAllowed):
        answer_report(report, by=person("Editors"), answer="Mended.")
    with pytest.raises(Refused, match="Write an answer to the report"):
        answer_report(report, by=person(), answer=" ")
    answered = answer_report(report, by=person(), answer="Mended.")
    assert answered.answered_at and not Post.objects.reported().exists()
    with pytest.raises(Refused, match="already been answered"):
        answer_report(report, by=person(), answer="Again.")
    assert AuditEntry.objects.get(action="report answered").detail == "Mended."


def test_a_reader_finds_the_report_page_at_the_new_address(client):
    post = make_post(released=True, slug="old-name")
    change_slug(post, "new-name", by=person())
    assert client.get("/posts/old-name/report/").headers["Location"] == "/posts/new-name/report/"


def test_a_report_goes_some_time_after_its_answer_and_an_open_one_stays(settings):
    post = make_post()
    reports = [report_problem(post, reason="facts", address=f"192.0.2.{number}") for number in range(3)]
    for report, days in zip(reports[:2], (31, 29), strict=True):
        answer_report(report, by=person(), answer="Mended.")
        ago = timezone.now() - datetime.timedelta(days=days)
        ReaderReport.objects.filter(pk=report.pk).update(answered_at=ago, made_at=ago)
    settings.REPORT_KEPT_DAYS = 0
    registered_jobs()["forget old reports"].task.call()
    assert ReaderReport.objects.count() == 3
    settings.REPORT_KEPT_DAYS = 30
    registered_jobs()["forget old reports"].task.call()
    assert set(ReaderReport.objects.values_list("pk", flat=True)) == {reports[1].pk, reports[2].pk}
