"""The pages of releases, flags and reports in a real Chromium, with and without JavaScript."""

import datetime
import os

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.models import Post, ScheduledRelease
from posts.operations import note_observed_result, record_revision, report_problem, schedule_release
from posts.operations.preview_links import answer_preview, make_preview_link
from posts.operations.schedule import Plan
from tests.browser.axe import violations_in_both_schemes
from tests.factories import approve, make_post, person

pytestmark = pytest.mark.browser


def busy_post():
    """Return a post with two releases, a flag, a report, a cancelled plan and a newer approved text."""
    post = make_post(released=True, summary="First.", checklist=["true"])
    for words in ("Second.", "Third."):
        record_revision(post, {**post.working_record(), "summary": words}, by=person("Editors"))
        post = approve(post, release=words == "Second.")
    note_observed_result(post.releases.first(), by=person(), observed_result="Half the questions came.")
    ScheduledRelease.objects.create(
        post=post,
        kind="release",
        revision=post.head_revision,
        due_at=timezone.now(),
        zone="Europe/Zagreb",
        state="refused",
        refusal="A flag is open; clear it first.",
        owner=person(),
        made_by=person(),
        settled_at=timezone.now(),
    )
    schedule_release(
        post, Plan(kind="withdraw", due_at=timezone.now() + datetime.timedelta(days=9), zone="Asia/Tokyo"), by=person()
    )
    report_problem(post, reason="facts", note="The second figure.", address="192.0.2.1")
    return Post.objects.get(pk=post.pk)


def sign_in(watched, user):
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    watched.page.context.add_cookies([{"name": "sessionid", "value": session, "url": watched.origin}])


def photograph(watched, name):
    if folder := os.environ.get("SCREENSHOTS"):
        watched.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1440, "light")])
def test_the_pages_of_review_have_no_accessibility_violation_and_do_not_scroll_sideways(browser_page, width, scheme):
    post, flagged = busy_post(), make_post(released=True, flagged=True, checklist=["true"])
    report_problem(flagged, reason="code", note="It does not run.", address="192.0.2.1")
    link, token = make_preview_link(post.head_revision, by=person(), days=7, purpose="The lawyer", asks=True)
    answer_preview(link, agrees=False, name="Ada", words="The second figure is wrong.", address="")
    watched = browser_page(width, scheme)
    sign_in(watched, person())
    for name, address, heading in [
        ("releases", reverse("admin:posts_post_releases", args=[post.pk]), "Releases"),
        ("nothing", reverse("admin:posts_post_releases", args=[flagged.pk]), "Releases"),
        ("flags", reverse("admin:posts_post_flag", args=[flagged.pk]), "Flags and reports"),
        ("report", reverse("posts:report", args=[post.slug]), "Report a problem"),
        ("preview links", reverse("admin:posts_post_preview_links", args=[post.pk]), "Preview links"),
        ("preview link", reverse("posts:preview", args=[token]), post.title),
        ("no preview", reverse("posts:preview", args=["0"]), "This link shows no preview"),
        ("trail", reverse("admin:posts_auditentry_changelist"), "Audit trail"),
    ]:
        watched.open(address)
        assert heading in watched.page.locator("h1").last.inner_text()
        watched.page.eval_on_selector_all(
            "#content details, main details", "all => all.forEach(one => { one.open = true })"
        )
        photograph(watched, f"{name}-{width}-{scheme}")
        if name != "trail":
            # The frame around admin pages has tests of its own.
            own = "#content" if watched.page.locator("#content").count() else "body"
            assert violations_in_both_schemes(watched.page, context=own) == [], name
            assert watched.page.evaluate(
                "own => { const part = document.querySelector(own); return part.scrollWidth <= part.clientWidth }", own
            ), name
    # The browser itself complains of the page without a preview, which is a 404.
    assert [said for said in watched.complaints if "404" not in said] == []


def test_without_javascript_a_reviewer_plans_rolls_back_and_answers(browser_page):
    post, reviewer = busy_post(), person()
    watched = browser_page(1440, java_script_enabled=False)
    sign_in(watched, reviewer)
    page = watched.page
    watched.open(reverse("admin:posts_post_releases", args=[post.pk]))
    page.get_by_label("On a date", exact=True).check()
    page.get_by_label("Day", exact=True).first.fill("2099-01-02")
    page.get_by_label("Time", exact=True).first.fill("08:00")
    page.get_by_label("Time zone").first.fill("Europe/Zagreb")
    watched.follow(page.get_by_role("button", name="Release 1.0.2", exact=True))
    assert "2 Jan 2099 08:00, Europe/Zagreb (UTC+01:00)" in page.locator(".releases__plans").inner_text()
    watched.follow(page.get_by_role("button", name="Cancel: Release 1.0.2"))
    page.locator("#back-why").fill("Wrong figure.")
    watched.follow(page.get_by_role("button", name="Roll back to 1.0.0"))
    assert "Rolled back. Readers see 1.0.0 now." in page.content()
    assert Post.objects.get().live_revision.version == "1.0.0"
    watched.open(post.get_absolute_url())
    watched.follow(page.get_by_role("link", name="Report a problem"))
    page.get_by_label("Code does not work").check()
    watched.follow(page.get_by_role("button", name="Send the report"))
    assert "Thank you." in page.content()
    watched.open(reverse("admin:posts_post_changelist"))
    watched.follow(page.get_by_role("button", name=f"Flag {post.title}"))
    assert "Flagged:" in page.content() and Post.objects.get().needs_human_review
    watched.open(reverse("admin:posts_post_flag", args=[post.pk]))
    page.get_by_label("Why it no longer applies").fill("Looked.")
    watched.follow(page.get_by_role("button", name="Clear this flag"))
    assert not Post.objects.get().needs_human_review
    assert watched.complaints == []


def test_a_flag_is_raised_with_the_keyboard_alone(browser_page):
    post = make_post(released=True)
    watched = browser_page(1440)
    sign_in(watched, person("Staff"))
    watched.open(reverse("admin:posts_post_flag", args=[post.pk]))
    watched.page.get_by_label("Reason").focus()
    watched.page.keyboard.press("Tab")
    watched.page.keyboard.type("Look at the second figure.")
    watched.page.keyboard.press("Tab")
    with watched.next_page():
        watched.page.keyboard.press("Enter")
    watched.page.wait_for_selector("text=Flagged:")
    assert Post.objects.get().review_flags.get().note == "Look at the second figure."
