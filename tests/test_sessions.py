"""How long a session lasts, who sees it, and which acts ask again who is there."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.models import ApiToken, AuditEntry, Generator, WebSession
from tests.factories import import_records, make_post, person
from tests.test_sign_in import pass_time
from tests.trials import trial

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537.36 Edg/140"


def signed_in(name="superuser", **headers):
    client = Client(**headers)
    assert client.post("/admin/login/", {"username": name, "password": PASSWORD}).status_code == 302
    return client


def is_in(client):
    return client.get(reverse("admin:my_work")).status_code == 200


@pytest.fixture
def later(monkeypatch):
    """Make it later, as later(minutes=5)."""
    real = timezone.now
    passed = [timedelta()]

    def go(**duration):
        passed[0] += timedelta(**duration)

    monkeypatch.setattr(timezone, "now", lambda: real() + passed[0])
    monkeypatch.setattr("posts.models.web_session.time.time", lambda: (real() + passed[0]).timestamp())
    return go


def test_a_session_ends_when_nothing_was_asked_for_some_time(superuser, settings, later):
    settings.SESSION_IDLE_MINUTES = 20
    client = signed_in()
    for _ in range(3):
        later(minutes=19)
        assert is_in(client)
    later(minutes=21)
    assert not is_in(client)


def test_a_session_that_was_used_while_the_clock_was_ahead_ends_no_later_than_others(superuser, settings, later):
    settings.SESSION_IDLE_MINUTES = 20
    client = signed_in()
    later(minutes=15)
    assert is_in(client)
    later(minutes=-15)
    assert is_in(client)
    later(minutes=21)
    assert not is_in(client)


def test_a_session_ends_some_hours_after_the_sign_in_however_busy_it_is(superuser, settings, later):
    settings.SESSION_COOKIE_AGE, settings.SESSION_IDLE_MINUTES = 3600, 50
    client = signed_in()
    later(minutes=40)
    assert is_in(client)
    # Neither a request that stores something nor a new password begins it anew.
    new = "quite another long phrase"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(reverse("admin:password_change"), data).status_code == 302
    later(minutes=19)
    assert is_in(client)
    later(minutes=2)
    assert not is_in(client)


def test_reading_a_session_is_one_query_and_its_end_moves_once_a_minute(superuser, later, django_assert_num_queries):
    client = signed_in()
    store = client.session.__class__
    with django_assert_num_queries(1):
        store(client.session.session_key).load()
    later(seconds=61)
    with django_assert_num_queries(2):
        store(client.session.session_key).load()
    with django_assert_num_queries(1):
        store(client.session.session_key).load()


def test_sessions_outlive_a_change_of_the_secret_key(superuser, settings):
    client, unused = signed_in(), signed_in()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key of the site, as long as a real one has to be"
    assert is_in(client)
    # What was used meanwhile is signed with the new key.
    settings.SECRET_KEY_FALLBACKS = []
    assert is_in(client) and not is_in(unused)


def test_people_see_their_own_sessions_and_end_the_others(superuser, editor):
    here, there = signed_in(HTTP_USER_AGENT=FIREFOX), signed_in(HTTP_USER_AGENT=EDGE, REMOTE_ADDR="198.51.100.7")
    strange = signed_in("editor")
    page = here.get(reverse("admin:account")).content.decode()
    assert "Firefox on Linux <strong>(this one)</strong>" in page and "Edge on Windows" in page
    assert "198.51.100.7" in page and page.count("<tr>") == 3
    assert here.post(reverse("admin:account"), {"act": "end-others"}).status_code == 302
    assert (is_in(here), is_in(there), is_in(strange)) == (True, False, True)
    entry = AuditEntry.objects.get(action="sessions ended")
    assert (entry.made_by, entry.detail) == (superuser, "1 other session, their own")
    assert "End the other sessions" not in here.get(reverse("admin:account")).content.decode()


def test_the_page_of_an_account_asks_a_fixed_number_of_queries(superuser, django_assert_max_num_queries):
    here = signed_in()
    for _ in range(5):
        signed_in()
    here.get(reverse("admin:account"))
    with django_assert_max_num_queries(6):
        here.get(reverse("admin:account"))


def test_expired_sessions_are_no_longer_shown(superuser, later, settings):
    signed_in()
    later(minutes=settings.SESSION_IDLE_MINUTES + 1)
    here = signed_in()
    assert here.get(reverse("admin:account")).content.decode().count("<tr>") == 2


def guarded(post, batch, generator, other):
    """Return {what is done: (address, form, was it done?)} of every act that asks again who is there."""
    token = {"act": "create-token", "token-label": "x", "token-may_import": "on", "token-requests_per_minute": "9"}
    group = Group.objects.get(name="Staff")
    account = {"username": "other", "is_active": "on", "is_staff": "on", "is_superuser": "on",
               "groups": [], "user_permissions": []}  # fmt: skip
    every = {"action": "export_csv", "select_across": "1", "_selected_action": [post.pk]}
    return {
        "change rights": (
            reverse("admin:auth_user_change", args=[other.pk]),
            account,
            lambda answer: User.objects.get(pk=other.pk).is_superuser,
        ),
        "delete an account": (
            reverse("admin:auth_user_delete", args=[other.pk]),
            {"post": "yes"},
            lambda answer: not User.objects.filter(pk=other.pk).exists(),
        ),
        "change a group": (
            reverse("admin:auth_group_change", args=[group.pk]),
            {"name": "Staff", "permissions": []},
            lambda answer: not group.permissions.filter(codename="import_posts").exists(),
        ),
        "add a group": (
            reverse("admin:auth_group_add"),
            {"name": "New", "permissions": []},
            lambda answer: Group.objects.filter(name="New").exists(),
        ),
        "create a token": (
            reverse("admin:posts_generator_change", args=[generator.pk]),
            token,
            lambda answer: ApiToken.objects.exists(),
        ),
        "close an import": (
            reverse("admin:posts_importbatch_act", args=[batch.pk, "switch"]),
            {"index": "closed"},
            lambda answer: AuditEntry.objects.filter(action="import closed to search engines").exists(),
        ),
        "export all posts": (
            reverse("admin:posts_post_changelist"),
            every,
            lambda answer: AuditEntry.objects.filter(action="posts exported").exists(),
        ),
    }


ACTS = ("change rights", "delete an account", "change a group", "add a group", "create a token", "close an import",
        "export all posts")  # fmt: skip


def hidden_fields(page):
    html = page.content.decode()
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
    data = {}
    for name, value in fields:
        if name == "csrfmiddlewaretoken":
            continue
        data.setdefault(name, []).append(value)
    return data


@pytest.mark.parametrize("act", ACTS)
def test_an_old_session_asks_for_the_password_before_it_does_what_matters(act, superuser, later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    other = User.objects.create_user("other", password=PASSWORD, is_staff=True)
    generator = Generator.objects.create(name="g", kind="people", is_described=True)
    acts = guarded(make_post(), import_records({"title": "One"}), generator, other)
    assert set(acts) == set(ACTS)
    address, form, was_done = acts[act]
    client = signed_in()
    with trial():
        assert was_done(client.post(address, form))
        transaction.set_rollback(True)
    later(minutes=settings.CONFIRM_MINUTES + 1)
    page = client.post(address, form)
    assert page.status_code == 403 and "needs your password again" in page.content.decode() and not was_done(page)
    assert "no-store" in page.headers["Cache-Control"]
    again = hidden_fields(page)
    wrong = client.post(address, {**again, "confirm-password": "not this one"})
    assert wrong.status_code == 403 and "neither your password" in wrong.content.decode() and not was_done(wrong)
    assert hidden_fields(wrong) == again
    answer = client.post(address, {**again, "confirm-password": PASSWORD})
    assert was_done(answer)


@pytest.mark.parametrize("name", ["posts_auditentry_csv", "posts_release_csv"])
def test_a_download_of_a_whole_list_asks_for_the_password_first(name, superuser, later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    client = signed_in()
    later(minutes=settings.CONFIRM_MINUTES + 1)
    address = f"{reverse(f'admin:{name}')}?q=x"
    answer = client.get(address)
    assert answer.status_code == 302 and answer.url.startswith(reverse("admin:confirm"))
    assert client.post(answer.url, {"confirm-password": "not this one"}).status_code == 422
    data = {"confirm-password": PASSWORD, "next": hidden_fields(client.get(answer.url))["next"][0]}
    back = client.post(reverse("admin:confirm"), data)
    assert back.url == address and client.get(back.url).status_code == 200


def test_the_page_that_asks_who_is_there_leads_to_no_other_site(superuser):
    client = signed_in()
    for address in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""):
        answer = client.post(reverse("admin:confirm"), {"confirm-password": PASSWORD, "next": address})
        assert answer.url == reverse("admin:account")


@pytest.mark.usefixtures("still_moment")
def test_guessing_the_password_of_an_open_session_has_to_wait_too(superuser):
    client = signed_in()
    answers = [client.post(reverse("admin:confirm"), {"confirm-password": "wrong"}) for _ in range(6)]
    assert "Wait 2 seconds" in answers[-1].content.decode()
    assert client.post(reverse("admin:confirm"), {"confirm-password": PASSWORD}).status_code == 422


def test_new_passwords_stand_in_no_page_that_asks_who_is_there(superuser, later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    client = signed_in()
    later(minutes=settings.CONFIRM_MINUTES + 1)
    data = {"username": "new", "password1": "typed as new", "password2": "typed as new", "usable_password": "true"}
    page = client.post(reverse("admin:auth_user_add"), data)
    assert page.status_code == 403 and "typed as new" not in page.content.decode()


def test_other_acts_of_an_old_session_ask_nothing(superuser, later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    generator, post = Generator.objects.create(name="g", kind="people"), make_post()
    client = signed_in()
    later(minutes=settings.CONFIRM_MINUTES + 1)
    save = {"act": "save", "name": "g2", "kind": "people", "state": "active"}
    assert client.post(reverse("admin:posts_generator_change", args=[generator.pk]), save).status_code == 302
    some = {"action": "export_csv", "_selected_action": [post.pk]}
    assert client.post(reverse("admin:posts_post_changelist"), some).headers["Content-Type"].startswith("text/csv")
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"action": ["export_csv", "publish"], "select_across": "1", "index": "0"},
        {"action": "export_csv", "select_across": "on"},
        {"action": "export_json_lines", "select_across": ["1", "on"]},
        {"act": "save", "action": "export_csv", "select_across": "1"},
    ],
    ids=["two actions", "another yes", "two answers", "two names"],
)
def test_no_writing_of_a_form_exports_all_posts_without_the_password(form, superuser, later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    form = {**form, "_selected_action": [make_post().pk]}
    client = signed_in()
    later(minutes=settings.CONFIRM_MINUTES + 1)
    assert client.post(reverse("admin:posts_post_changelist"), form).status_code == 403
    assert not AuditEntry.objects.filter(action="posts exported").exists()


@pytest.mark.usefixtures("still_moment")
def test_guessing_the_old_password_on_the_page_that_changes_it_has_to_wait_too(superuser):
    client = signed_in()
    new = {"new_password1": "quite another phrase", "new_password2": "quite another phrase"}
    address = reverse("admin:password_change")
    for _ in range(5):
        client.post(address, {"old_password": "wrong", **new})
    page = client.post(address, {"old_password": PASSWORD, **new})
    assert page.status_code == 200 and "Too many tries failed. Wait 2 seconds" in page.content.decode()
    pass_time(seconds=2)
    assert client.post(address, {"old_password": PASSWORD, **new}).url == reverse("admin:password_change_done")
    assert User.objects.get(pk=superuser.pk).check_password("quite another phrase")


def test_who_may_not_do_a_thing_is_refused_and_not_asked_for_a_password(later, settings):
    settings.SESSION_IDLE_MINUTES = 600
    client = Client()
    client.force_login(person("Editors"))
    later(minutes=settings.CONFIRM_MINUTES + 1)
    page = client.post(reverse("admin:auth_group_add"), {"name": "New", "confirm-password": PASSWORD})
    assert page.status_code == 403 and not Group.objects.filter(name="New").exists()


def test_sessions_of_nobody_keep_no_person_and_the_usual_time(client):
    client.session.save()
    session = client.session
    session["x"] = 1
    session.save()
    row = WebSession.objects.get(session_key=session.session_key)
    assert row.user is None and row.began_at is None
