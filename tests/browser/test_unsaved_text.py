"""A browser that is lost while somebody writes, in a real Chromium: the text is there again."""

import re

import pytest
from playwright.sync_api import expect

from posts.models import Post, UnsavedText
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import change_address, messages, sign_in
from tests.factories import edit, make_post

pytestmark = pytest.mark.browser


def kept(watched):
    """Wait until the page says that it kept the text."""
    expect(watched.page.locator("[data-unsaved-state]")).to_have_text(re.compile(r"Unsaved text kept at \d\d:\d\d\."))


def test_the_text_of_a_lost_browser_is_offered_on_another_machine_and_saved(browser_page, editor):
    post = make_post(checklist=["one"])
    lost = browser_page()
    sign_in(lost, editor)
    lost.open(change_address(post))
    lost.page.fill("#id_title", "Written on the train")
    lost.page.click("role=tab[name^='Subject']")
    lost.page.fill("[aria-label='Stack 3']", "PostgreSQL")
    kept(lost)
    lost.page.context.close()

    other = browser_page(width=390)
    sign_in(other, editor)
    other.open(change_address(post))
    assert "You have unsaved text from" in other.page.inner_text("main")
    assert violations_in_both_schemes(other.page) == []
    other.follow("text='Restore unsaved text'")
    assert other.page.input_value("#id_title") == "Written on the train"
    assert violations_in_both_schemes(other.page) == []
    other.follow("text='Save'")
    assert "Saved as 1.0.1." in messages(other)
    saved = Post.objects.get()
    assert (saved.title, saved.stack[-1]) == ("Written on the train", "PostgreSQL")
    assert not UnsavedText.objects.exists() and "unsaved text" not in other.page.inner_text("main").lower()
    assert other.complaints == []


def test_nothing_is_sent_while_nothing_changes_and_a_text_typed_back_is_forgotten(browser_page, editor):
    post = make_post(title="As it was")
    watched = browser_page()
    sign_in(watched, editor)
    sent = []
    watched.page.on("request", lambda request: sent.append(request.url) if "/unsaved/" in request.url else None)
    watched.open(change_address(post))
    watched.page.locator("#id_title").dispatch_event("input")
    watched.page.fill("#id_title", "Another")
    kept(watched)
    assert len(sent) == 1
    with watched.page.expect_response("**/unsaved/"):
        watched.page.fill("#id_title", "As it was")
    expect(watched.page.locator("[data-unsaved-state]")).to_have_text("")
    assert not UnsavedText.objects.exists()


def test_a_site_that_is_away_is_said_once_and_the_text_is_kept_when_it_is_back(browser_page, editor):
    post = make_post()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    watched.page.route("**/unsaved/", lambda route: route.abort())
    watched.page.fill("#id_title", "Typed in a tunnel")
    state = watched.page.locator("[data-unsaved-state]")
    expect(state).to_have_text("Your text is not kept: the site does not answer. It keeps trying.")
    assert state.get_attribute("role") == "alert"
    watched.page.unroute("**/unsaved/")
    kept(watched)
    assert UnsavedText.objects.get().sent()["title"] == "Typed in a tunnel"


def test_a_person_who_was_signed_out_and_in_again_elsewhere_keeps_the_text_and_saves_the_form(browser_page, editor):
    post = make_post()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    watched.page.context.clear_cookies()
    watched.page.fill("#id_title", "Typed signed out")
    expect(watched.page.locator("[data-unsaved-state]")).to_contain_text("You are signed out.")
    other_tab = watched.page.context.new_page()
    other_tab.goto(watched.origin + "/admin/login/")
    other_tab.fill("#id_username", editor.username)
    other_tab.fill("#id_password", "a long enough pass phrase")
    other_tab.press("#id_password", "Enter")
    other_tab.wait_for_url("**/admin/")
    watched.page.fill("#id_title", "Typed signed in again")
    kept(watched)
    watched.follow("text='Save'")
    assert Post.objects.get().title == "Typed signed in again"


def test_an_offer_stays_until_it_is_answered_and_discarding_it_keeps_what_was_typed_since(browser_page, editor):
    post = make_post(summary="One.")
    first = browser_page()
    sign_in(first, editor)
    first.open(change_address(post))
    first.page.fill("#id_title", "From before")
    kept(first)
    first.page.context.close()
    edit(post, summary="Two.")
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    assert "Since then the post changed: it is 1.0.1 now." in watched.page.inner_text(".unsaved")
    watched.page.fill("#id_title", "Typed now")
    expect(watched.page.locator("[data-unsaved-state]")).to_contain_text("Restore or discard it first")
    assert UnsavedText.objects.get().sent()["title"] == "From before"
    watched.page.click("text='Discard unsaved text'")
    kept(watched)
    expect(watched.page.locator(".unsaved")).to_have_count(0)
    assert watched.page.input_value("#id_title") == "Typed now"
    assert UnsavedText.objects.get().sent()["title"] == "Typed now"
