"""Which passwords the site accepts, and who learns of a changed one."""

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse

from posts.accounts.passwords import DEMO_PASSWORD
from posts.models import OutgoingMessage

PASSWORD = "a long enough pass phrase"
NEW_PASSWORD = "quite another long phrase"
COMMON = "Many people use this password. Choose another one."
KNOWN_WORDS = "This password is made of your name or of words of this site. Add other words."


def problems(password, **user):
    try:
        validate_password(password, User(**user))
    except ValidationError as refused:
        return refused.messages
    return []


@pytest.mark.parametrize(
    "password",
    ["1qaz2wsx3edc", "Motherfucker", "q1w2e3r4t5y6", "aaaaaaaaaaaa", "abababababab", "123456789012",
     "qwertyuiopasdfghjkl", "abcdefghijklmnop", "zyxwvutsrqpo", "lkjhgfdsapoiuytrewq",
     "thisismypassword", "startfinding"],
)  # fmt: skip
def test_a_password_that_many_people_have_is_refused(password):
    assert COMMON in problems(password)


@pytest.mark.parametrize("password", ["alphanode-demo", "AlphaNode2026", "articles.example", "Articles-2026!"])
def test_a_password_of_the_words_of_the_site_is_refused(password, settings):
    settings.SITE_NAME, settings.SITE_URL = "AlphaNode Articles", "https://articles.example"
    assert KNOWN_WORDS in problems(password)


@pytest.mark.parametrize("password", ["lovelace-1815", "AdaLovelace1815", "analytical.ada7"])
def test_a_password_of_the_words_of_the_account_is_refused(password):
    ada = {"username": "ada", "last_name": "Lovelace", "email": "ada@analytical.example"}
    assert KNOWN_WORDS in problems(password, **ada)


def test_a_password_of_eleven_characters_is_refused_and_one_of_twelve_is_not():
    assert problems("vq8Lw_zp3Ka") and not problems("vq8Lw_zp3Kad")


@pytest.mark.parametrize(
    "password",
    [PASSWORD, NEW_PASSWORD, "correct horse battery staple", "alphanode liest sich gut", "q" * 40 + "wer tz"],
)
def test_phrases_and_long_words_are_accepted_with_words_of_the_site_too(password):
    assert problems(password, username="ada") == []


@pytest.mark.django_db
def test_the_form_says_before_and_after_what_a_password_needs(client, editor):
    client.force_login(editor)
    address = reverse("admin:password_change")
    assert "can’t be made of your name" in client.get(address).content.decode()
    new = {"new_password1": "editor editor", "new_password2": "editor editor"}
    answer = client.post(address, {"old_password": PASSWORD, **new})
    assert answer.status_code == 200 and KNOWN_WORDS in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.once
def test_the_password_of_the_demo_opens_accounts_with_debug_on_alone(client, settings):
    User.objects.create_user("staff", password=DEMO_PASSWORD, is_staff=True)
    data = {"username": "staff", "password": DEMO_PASSWORD}
    settings.DEBUG = False
    answer = client.post("/admin/login/", data)
    assert answer.status_code == 200 and "password of the demo opens no account" in answer.content.decode()
    settings.DEBUG = True
    assert client.post("/admin/login/", data).status_code == 302


@pytest.fixture
def mails(settings):
    settings.SENDS_MAIL, settings.SITE_CONTACT = True, "desk@articles.example"
    return lambda: [(mail.recipient, mail.subject, mail.body.splitlines()[0]) for mail in OutgoingMessage.objects.all()]


@pytest.mark.django_db
def test_the_owner_is_mailed_when_a_password_changes_whoever_changed_it(client, superuser, editor, mails, monkeypatch):
    User.objects.filter(pk=editor.pk).update(email="ed@articles.example")
    client.force_login(editor)
    new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    client.post(reverse("admin:password_change"), {"old_password": PASSWORD, **new})
    ((to, subject, line),) = mails()
    assert (to, subject) == ("ed@articles.example", "AlphaNode: Your password was changed")
    assert line.startswith("Your password was changed, by you, on ")
    assert "tell desk@articles.example at once" in OutgoingMessage.objects.get().body
    client.force_login(superuser)
    by_another = reverse("admin:auth_user_password_change", args=[editor.pk])
    client.post(by_another, {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"})
    client.post(by_another, {"usable_password": "false", "unset-password": "1"})
    monkeypatch.setattr("getpass.getpass", lambda prompt="": NEW_PASSWORD)
    call_command("changepassword", "editor", verbosity=0)
    first_lines = [line.partition(", on ")[0] for _, _, line in mails()]
    assert first_lines == [
        "Your password was changed, by a command on the server",
        "Your password was disabled, by superuser",
        "Your password was changed, by superuser",
        "Your password was changed, by you",
    ]


@pytest.mark.django_db
@pytest.mark.once
def test_a_changed_mail_address_is_told_to_the_former_one(editor, mails):
    editor.email = "ed@articles.example"
    editor.save()
    assert mails() == []
    editor.email = "other@elsewhere.example"
    editor.set_password(NEW_PASSWORD)
    editor.save()
    assert [(to, subject) for to, subject, _ in mails()] == [
        ("ed@articles.example", "AlphaNode: Your password was changed"),
        ("ed@articles.example", "AlphaNode: The e-mail address of your account was changed"),
    ]


@pytest.mark.django_db
@pytest.mark.once
def test_a_sign_in_that_only_hashes_the_password_again_mails_nobody(editor, mails, settings):
    User.objects.filter(pk=editor.pk).update(email="ed@articles.example")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert User.objects.get(pk=editor.pk).check_password(PASSWORD)
    assert mails() == []
