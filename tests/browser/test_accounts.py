"""Accounts in a real Chromium: passkeys with its virtual authenticator, and how the pages look to everybody."""

import re
import time

import pytest
from django.urls import reverse

from posts.accounts.codes import SECONDS, code_of
from posts.accounts.second_factors import add_app
from posts.models import AuditEntry, SecondFactor, WebSession
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import PASS_PHRASE, sign_in_by_form

pytestmark = pytest.mark.browser
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STEP = "/admin/sign-in/second-step/"


def with_authenticator(watched):
    """Plug a security key into the browser."""
    devtools = watched.page.context.new_cdp_session(watched.page)
    devtools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    key |= {"automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})


def add_passkey(watched, name="Blue key"):
    watched.open(reverse("admin:account_passkey"))
    watched.page.fill("#name", name)
    watched.follow("button:has-text('Add a passkey')")


def first_step(watched, person):
    watched.open(reverse("admin:login"))
    watched.page.fill("#id_username", person.username)
    watched.page.fill("#id_password", PASS_PHRASE)
    watched.follow("input[type=submit]")


def test_a_passkey_is_added_and_opens_the_account_together_with_the_password(browser_page, reviewer):
    watched = browser_page()
    with_authenticator(watched)
    sign_in_by_form(watched, reviewer)
    add_passkey(watched)
    codes = watched.page.locator(".account__codes code").all_inner_texts()
    assert len(codes) == 10 and SecondFactor.objects.get().name == "Blue key"
    watched.follow("text='Log out'")
    first_step(watched, reviewer)
    assert watched.page.url.endswith(STEP)
    watched.follow("text='Use a passkey'")
    assert watched.page.url.endswith("/admin/")
    assert AuditEntry.objects.filter(action="signed in").first().detail == "with passkey “Blue key”"
    factor = SecondFactor.objects.get()
    assert factor.counter > 0 and factor.used_at
    # The same passkey again is refused by the browser itself; another person has no use for it.
    watched.open(reverse("admin:account_passkey"))
    watched.page.fill("#name", "Again")
    watched.page.click("button:has-text('Add a passkey')")
    watched.page.wait_for_selector("[data-passkey-problem]:not([hidden])")
    assert "The browser gave no passkey." in watched.page.inner_text("[data-passkey-problem]")
    assert watched.complaints == [] and watched.foreign == []


def test_a_copied_passkey_and_one_of_another_page_are_refused(browser_page, reviewer):
    watched = browser_page()
    with_authenticator(watched)
    sign_in_by_form(watched, reviewer)
    add_passkey(watched)
    # A copy that was used elsewhere is ahead of the one that comes now.
    SecondFactor.objects.update(counter=1000)
    watched.follow("text='Log out'")
    first_step(watched, reviewer)
    watched.follow("text='Use a passkey'")
    assert "This was not accepted." in watched.page.inner_text("[role=alert] >> nth=0")
    SecondFactor.objects.update(counter=0)
    # What was signed for the page before counts for no other page.
    stale = watched.page.get_attribute("form[data-passkey]", "data-options")
    watched.page.reload()
    watched.page.evaluate("(options) => document.querySelector('form[data-passkey]').dataset.options = options", stale)
    watched.follow("text='Use a passkey'")
    assert "This was not accepted." in watched.page.inner_text("[role=alert] >> nth=0")
    watched.follow("text='Use a passkey'")
    assert watched.page.url.endswith("/admin/")


def test_without_script_the_code_of_an_app_and_a_recovery_code_open_the_account(browser_page, reviewer):
    code, *_ = add_app(reviewer, secret=SECRET, code=code_of(SECRET, int(time.time()) // SECONDS))
    watched = browser_page(java_script_enabled=False)
    first_step(watched, reviewer)
    watched.page.fill("#code", code)
    watched.follow("text='Sign in'")
    assert watched.page.url.endswith("/admin/")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_of_accounts_are_usable_by_everybody_in_both_schemes(browser_page, superuser, settings, width):
    settings.SECOND_FACTOR = "required"
    found = {}
    watched = browser_page(width)
    with_authenticator(watched)

    def look(name):
        found[name] = violations_in_both_schemes(watched.page)
        too_wide = watched.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not too_wide, f"{name} is wider than the screen"

    watched.open(reverse("admin:login"))
    look("sign-in")
    sign_in_by_form(watched, superuser)
    look("notice")
    watched.open(reverse("admin:account_app"))
    look("app")
    watched.open(reverse("admin:account_passkey"))
    look("passkey")
    add_passkey(watched, "A key with a name that is as long as a name of a key can be!")
    look("codes")
    watched.open(reverse("admin:account"))
    look("account")
    watched.open(reverse("admin:confirm"))
    look("confirm")
    watched.follow("text='Log out'")
    first_step(watched, superuser)
    look("second step")
    assert {name: rules for name, rules in found.items() if rules} == {}
    assert watched.complaints == []


def test_a_form_of_an_old_session_asks_for_the_password_and_goes_on(browser_page, superuser, editor, settings):
    watched = browser_page()
    sign_in_by_form(watched, superuser)
    settings.CONFIRM_MINUTES = -1
    watched.open(reverse("admin:auth_user_change", args=[editor.pk]))
    watched.page.fill("#id_first_name", "Edith")
    watched.follow("input[name=_save]")
    assert "This step needs your password again" in watched.page.inner_text("#content")
    watched.page.fill("#confirm-password", PASS_PHRASE)
    watched.follow("text='Continue'")
    editor.refresh_from_db()
    assert editor.first_name == "Edith"
    assert re.search("Chrome on Linux", WebSession.objects.get(user=superuser).agent)


def test_a_form_of_an_old_session_goes_on_with_a_passkey_too(browser_page, superuser, editor, settings):
    watched = browser_page()
    with_authenticator(watched)
    sign_in_by_form(watched, superuser)
    add_passkey(watched)
    settings.CONFIRM_MINUTES = -1
    watched.open(reverse("admin:auth_user_change", args=[editor.pk]))
    watched.page.fill("#id_first_name", "Edith")
    watched.follow("input[name=_save]")
    assert "or a passkey" in watched.page.inner_text("#content")
    watched.follow("text='Use a passkey'")
    editor.refresh_from_db()
    # The page that asks for the proof is a refusal, which the browser reports.
    assert editor.first_name == "Edith" and [said for said in watched.complaints if "status of 403" not in said] == []
