"""What the site has about a person: the person can take it along, and a superuser can erase who it was."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from posts.accounts.erase import NAMING, erase_account
from posts.accounts.personal_data import DELETED, EMPTIED, NAMED, export_of
from posts.accounts.second_factors import make_recovery_codes
from posts.accounts.throttle import begin_sign_in, note_failure
from posts.audit.chain import Verification, seal_entries
from posts.audit.log import note_audit
from posts.errors import NotAllowed, Refused
from posts.importing.tokens import create_token
from posts.models import (
    ApiToken,
    AuditEntry,
    ExternalIdentity,
    Generator,
    Notification,
    OutgoingMessage,
    Post,
    QueueEntry,
    RecoveryCode,
    Review,
    SavedView,
    SecondFactor,
    SignInTally,
    UnsavedText,
    WebSession,
)  # fmt: skip
from posts.operations import assign_post, claim_post
from tests.factories import approve, make_post, person

pytestmark = pytest.mark.django_db
NAME, MAIL = "anna.lindqvist", "anna.lindqvist@example.org"


@pytest.fixture
def anna(client):
    """Make a reviewer who left something in every table that an account usually reaches."""
    anna = person("Reviewers")
    User.objects.filter(pk=anna.pk).update(username=NAME, first_name="Anna", last_name="Lindqvist", email=MAIL)
    anna.refresh_from_db()
    client.force_login(anna)
    client.get(reverse("admin:account"))
    approve(make_post(), by=anna)
    waiting = make_post()
    assign_post(waiting, to=anna, by=person("Reviewers"))
    claim_post(waiting, by=anna)
    SecondFactor.objects.create(user=anna, kind="passkey", name="Anna's key", credential=b"PUBLIC", credential_id="ID1")
    make_recovery_codes(anna)
    ExternalIdentity.objects.create(user=anna, issuer="https://id.example", subject="anna-at-provider")
    UnsavedText.objects.create(owner=anna, post=waiting, fields={"title": "Unsaved words"})
    SavedView.objects.create(owner=anna, name="My view", query="stack=rust")
    Notification.objects.create(user=anna, kind="assigned", text="A post waits for you")
    Notification.objects.create(user=person("Editors"), actor=anna, kind="assigned", text=f"{NAME} wrote")
    OutgoingMessage.objects.create(kind="mail", recipient=MAIL, subject="For Anna", body="Dear Anna")
    about_users = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(user=person("Editors"), content_type=about_users, object_id=str(anna.pk),
                            object_repr=NAME, action_flag=ADDITION)  # fmt: skip
    note_failure(NAME)
    begin_sign_in(NAME, address="")
    note_audit("rights changed", by=None, detail=f"{NAME}: is_staff: True")
    note_audit("withdrawn", by=None, detail=f"Ask {MAIL} about it, or Anna Lindqvist")
    return anna


def everything():
    """Return all rows of all tables as text."""
    parts = []
    for model in apps.get_models(include_auto_created=True):
        parts += [f"{model._meta.label} {row}" for row in model._base_manager.values()]
    return parts


@pytest.mark.once
def test_every_table_with_a_reference_to_an_account_is_known():
    found = {
        (model._meta.label, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.related_model is User
    }
    assert {(named.model, named.field) for named in NAMED} == found


@pytest.mark.once
def test_an_export_names_no_column_with_a_secret():
    secret = ("secret", "session_key", "session_data", "credential", "password", "hash", "selector")
    for named in NAMED:
        columns = {field.attname for field in named.table._meta.concrete_fields}
        for column in named.of.split():
            assert "__" in column or column in columns, (named.model, column)
            assert not any(word in column for word in secret), column


def test_an_export_has_all_that_an_account_left_and_no_secret(anna):
    text = "".join(export_of(anna))
    data = json.loads(text)
    assert data["account"]["username"] == NAME and data["account"]["email"] == MAIL
    rows = data["rows"]
    assert [row["group__name"] for row in rows["auth.User_groups.user"]] == ["Reviewers"]
    assert rows["Review.reviewer"][0]["outcome"] == "approved"
    assert rows["SecondFactor.user"][0]["name"] == "Anna's key"
    assert rows["UnsavedText.owner"][0]["fields"] == {"title": "Unsaved words"}
    assert len(rows["RecoveryCode.user"]) == RecoveryCode.objects.filter(user=anna).count() > 0
    assert rows["QueueEntry.held_by"] and rows["QueueEntry.assigned_to"] and rows["SavedView.owner"]
    session = WebSession.objects.get(user=anna)
    for secret in (session.session_key, anna.password, RecoveryCode.objects.first().digest, "ID1"):
        assert secret not in text


def test_the_command_prints_the_export_and_records_it(anna, capsysbinary):
    call_command("export_account", NAME)
    assert json.loads(capsysbinary.readouterr().out)["account"]["number"] == anna.pk
    assert AuditEntry.objects.get(action="account exported").detail == f"account {anna.pk}"
    with pytest.raises(CommandError, match="No account"):
        call_command("export_account", "nobody")


def test_people_take_along_their_own_data_and_superusers_those_of_others(anna, client, superuser):
    answer = client.get(reverse("admin:account_data"))
    assert json.loads(answer.getvalue())["account"]["username"] == NAME
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert client.get(reverse("admin:auth_user_data", args=[superuser.pk])).status_code == 403
    assert client.get(reverse("admin:auth_user_erase", args=[superuser.pk])).status_code == 403
    client.force_login(superuser)
    answer = client.get(reverse("admin:auth_user_data", args=[anna.pk]))
    assert json.loads(answer.getvalue())["account"]["username"] == NAME
    assert client.get(reverse("admin:auth_user_data", args=[10**6])).status_code == 404
    page = client.get(reverse("admin:auth_user_change", args=[anna.pk])).text
    assert reverse("admin:auth_user_erase", args=[anna.pk]) in page


def test_an_erased_account_is_named_nowhere_and_its_decisions_stay(anna, superuser, settings):
    seal_entries()
    generator = Generator.objects.create(name="penwright")
    maker = person("Staff")
    token = ApiToken(generator=generator, label="build server", may_import=True)
    create_token(token, by=maker)
    ApiToken.objects.update(created_by=anna)
    name = erase_account(anna, by=superuser, why="The person asked for it.")
    assert name == f"Former reviewer {anna.pk}"
    seal_entries()
    left = [row for row in everything() if NAME in row or MAIL in row or "Lindqvist" in row or "Anna" in row]
    assert left == []
    review = Review.objects.get(reviewer=anna)
    assert (review.outcome, str(review.reviewer)) == ("approved", name)
    assert Post.objects.get(pk=review.revision.post_id).is_live
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    assert (
        not QueueEntry.objects.filter(held_by=anna).exists()
        and not QueueEntry.objects.filter(assigned_to=anna).exists()
    )
    assert [str(problem) for problem in Verification().problems()] == []
    entry = AuditEntry.objects.get(action="account erased")
    assert entry.made_by == superuser and "The person asked for it." in entry.detail
    for named in NAMED:
        if named.on_erasing in (DELETED, EMPTIED):
            assert not named.rows(anna).exists(), named
    assert not SignInTally.objects.filter(failures__gt=0).exists()


def test_nobody_signs_in_with_an_erased_account(anna, client, superuser):
    User.objects.filter(pk=anna.pk).update(password=superuser.password)
    name = erase_account(anna, by=superuser, why="It was asked for.")
    for typed in (NAME, name):
        assert not client.login(username=typed, password="a long enough pass phrase")
    # The session that was open is no longer one.
    assert client.get(reverse("admin:account")).status_code == 302
    account = User.objects.get(pk=anna.pk)
    assert not account.is_active and not account.has_usable_password() and not account.groups.exists()


def test_only_a_superuser_erases_and_only_with_a_reason(anna, superuser, staff, settings):
    with pytest.raises(NotAllowed):
        erase_account(anna, by=staff, why="Why not?")
    with pytest.raises(Refused, match="Say why"):
        erase_account(anna, by=superuser, why=" ")
    with pytest.raises(Refused, match="Another superuser"):
        erase_account(superuser, by=superuser, why="x")
    with pytest.raises(Refused, match="only superuser"):
        erase_account(superuser, by=None, why="x")
    settings.EMERGENCY_ACCOUNT = NAME
    with pytest.raises(Refused, match="EMERGENCY_ACCOUNT"):
        erase_account(anna, by=superuser, why="x")
    settings.EMERGENCY_ACCOUNT = ""
    erase_account(anna, by=superuser, why="x")
    with pytest.raises(Refused, match="erased already"):
        erase_account(anna, by=superuser, why="x")


def test_a_word_that_only_contains_the_name_stays(superuser):
    ann = person("Editors")
    User.objects.filter(pk=ann.pk).update(username="ann")
    entries = {
        text: note_audit("rights changed", by=None, detail=text)
        for text in ("annual: is_staff", "joann: given Editors", "of Ann", "account ann, code")
    }
    other = note_audit("withdrawn", by=None, detail="ann is a word here")
    erase_account(ann, by=superuser, why="x")
    name = f"Former editor {ann.pk}"
    assert [AuditEntry.objects.get(pk=entry.pk).detail for entry in entries.values()] == [
        "annual: is_staff", "joann: given Editors", f"of {name}", f"account {name}, code",
    ]  # fmt: skip
    assert AuditEntry.objects.get(pk=other.pk).detail == "ann is a word here"
    assert "withdrawn" not in NAMING


def test_the_page_says_what_goes_and_asks_for_the_name(anna, client, superuser):
    client.force_login(superuser)
    address = reverse("admin:auth_user_erase", args=[anna.pk])
    page = client.get(address).text
    assert f"Former reviewer {anna.pk}" in page and "second factors" in page
    answer = client.post(address, {"act": "erase", "why": "It was asked for.", "name": "another"})
    assert answer.status_code == 422 and "It was asked for." in answer.text
    assert User.objects.get(pk=anna.pk).username == NAME
    answer = client.post(address, {"act": "erase", "why": "It was asked for.", "name": NAME}, follow=True)
    assert "The account is erased" in answer.text
    assert "erased already" in client.get(address).text


def test_the_command_says_first_what_it_would_do(anna, superuser, capsys):
    call_command("erase_account", NAME)
    assert "Would call it" in capsys.readouterr().out and User.objects.filter(username=NAME).exists()
    with pytest.raises(CommandError, match="Say why"):
        call_command("erase_account", NAME, erase=True)
    call_command("erase_account", NAME, erase=True, why="Asked by letter")
    assert f"Former reviewer {anna.pk}" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No account"):
        call_command("erase_account", NAME)
    assert timezone.now() - anna.account_state.erased_at < timedelta(hours=1)
