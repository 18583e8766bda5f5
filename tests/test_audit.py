"""The audit trail: who, what, when, which text. It only grows, and can be read and downloaded."""

import csv
import io

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.export.csv import csv_lines, safe_cell
from posts.importing.rollback import roll_back_batch
from posts.models import AuditEntry, Post
from posts.models.audit_entry import ACCOUNT_ACTIONS, AuditTrailIsAppendOnly
from posts.operations import claim_post, decide, record_revision, restore_revision, roll_back, unclaim
from posts.operations.review import Decision
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"


def actions(**filters):
    return list(AuditEntry.objects.filter(**filters).order_by("pk").values_list("action", "detail"))


def test_an_entry_is_never_changed_and_never_deleted():
    make_post(released=True)
    entry = AuditEntry.objects.first()
    entry.detail = "Somebody else did it."
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(detail="x"),
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(made_by=None),
    ):
        with pytest.raises(AuditTrailIsAppendOnly, match="never"):
            attempt()
    assert AuditEntry.objects.get(pk=entry.pk).detail != "Somebody else did it."


def test_an_entry_names_the_text_before_and_the_request(client, reviewer):
    post = make_post(released=True, summary="First.")
    first = post.live_revision
    client.force_login(person("Editors"))
    record_revision(post, {**post.working_record(), "summary": "Second."}, by=person("Editors"))
    saved = AuditEntry.objects.get(action="saved")
    assert (saved.fingerprint_before, saved.request_id) == (first.fingerprint, "")
    post = approve(post, release=False)
    second = post.head_revision
    client.force_login(reviewer)
    answer = client.post(reverse("admin:posts_post_act", args=[post.pk, "release"]))
    released = AuditEntry.objects.filter(action="released").first()
    assert (released.fingerprint, released.fingerprint_before) == (second.fingerprint, first.fingerprint)
    assert released.request_id == answer.headers["X-Request-ID"] and released.made_by == reviewer
    roll_back(post, by=reviewer)
    back = AuditEntry.objects.get(action="rolled back")
    assert (back.fingerprint, back.fingerprint_before) == (first.fingerprint, second.fingerprint)


def test_signing_in_out_and_failing_to_leave_entries(client, reviewer):
    login = reverse("admin:login")
    client.post(login, {"username": "reviewer", "password": "wrong"})
    client.post(login, {"username": PASSWORD, "password": "reviewer"})
    client.post(login, {"username": "reviewer", "password": PASSWORD})
    client.post(reverse("admin:logout"))
    assert actions() == [
        ("sign-in failed", "account reviewer"),
        ("sign-in failed", "unknown account"),
        ("signed in", "after 1 failed try"),
        ("signed out", ""),
    ]
    by = list(AuditEntry.objects.order_by("pk").values_list("made_by__username", flat=True))
    assert by == [None, None, "reviewer", "reviewer"]


def test_changed_rights_are_laid_to_who_changed_them(client, superuser, editor):
    client.force_login(superuser)
    page = client.get(reverse("admin:auth_user_change", args=[editor.pk]))
    form = page.context["adminform"].form
    data = {bound.html_name: bound.value() for bound in form if bound.value() not in (None, False)}
    data |= {"is_superuser": "on", "groups": [Group.objects.get(name="Reviewers").pk], "user_permissions": []}
    assert client.post(reverse("admin:auth_user_change", args=[editor.pk]), data).status_code == 302
    assert User.objects.get(pk=editor.pk).is_superuser
    assert actions(made_by=superuser) == [
        ("rights changed", "editor: is_superuser: True"),
        ("rights changed", "editor: taken Editors"),
        ("rights changed", "editor: given Reviewers"),
    ]
    group = Group.objects.get(name="Staff")
    wanted = Permission.objects.get(codename="review_post")
    kept = [*group.permissions.values_list("pk", flat=True), wanted.pk]
    client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Staff", "permissions": kept})
    assert actions(made_by=superuser)[-1] == ("rights changed", f"Staff: given {wanted}")


def test_the_trail_stands_on_the_page_of_the_post_and_as_a_filtered_list(client):
    post, other = make_post(released=True), make_post(released=True)
    client.force_login(person("Editors"))
    page = client.get(reverse("admin:posts_post_history", args=[post.pk])).content.decode()
    trail = f"{reverse('admin:posts_auditentry_changelist')}?post__id__exact={post.pk}"
    assert "Audit trail" in page and trail in page
    listed = client.get(trail)
    assert {entry.post_id for entry in listed.context["cl"].result_list} == {post.pk}
    listed = client.get(reverse("admin:posts_auditentry_changelist"), {"action": "released"})
    assert {entry.action for entry in listed.context["cl"].result_list} == {"released"}
    assert {entry.post_id for entry in listed.context["cl"].result_list} == {post.pk, other.pk}


def test_no_page_of_the_trail_shows_how_an_action_is_stored(client):
    post = make_post()
    decide(
        post,
        Decision(outcome="changes_requested", fingerprint=post.head_revision.fingerprint, reason_code="facts"),
        by=person(),
    )
    (entry,) = AuditEntry.objects.filter(post=post, action="changes_requested")
    assert entry.detail == "Facts are wrong or unproven"
    client.force_login(person("Editors"))
    pages = [
        (reverse("admin:posts_post_history", args=[post.pk]), '<td data-label="What">changes requested</td>'),
        (reverse("admin:posts_auditentry_changelist"), "changes requested</td>"),
        (reverse("admin:posts_auditentry_changelist"), "?action=changes_requested"),
        (reverse("admin:posts_auditentry_change", args=[entry.pk]), "changes requested"),
    ]
    for address, words in pages:
        page = client.get(address).content.decode()
        assert words in page
        assert "changes_requested" not in page.replace("?action=changes_requested", "").replace(
            'value="changes_requested"', ""
        )
    found = client.get(reverse("admin:posts_auditentry_changelist"), {"action": "changes_requested"})
    assert [row.pk for row in found.context["cl"].result_list] == [entry.pk]


def test_a_deleted_account_or_group_leaves_who_deleted_it(client, superuser):
    account, group = User.objects.create_user("gone"), Group.objects.create(name="Passing")
    others = [User.objects.create_user(f"gone{number}") for number in range(2)]
    client.force_login(superuser)
    client.post(reverse("admin:auth_user_delete", args=[account.pk]), {"post": "yes"})
    client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})
    client.post(
        reverse("admin:auth_user_changelist"),
        {"action": "delete_selected", "_selected_action": [one.pk for one in others], "post": "yes"},
    )
    assert not User.objects.filter(username__startswith="gone").exists() and not Group.objects.filter(name="Passing")
    assert set(actions(made_by=superuser)) == {
        ("account deleted", "gone"),
        ("group deleted", "Passing"),
        ("account deleted", "gone0"),
        ("account deleted", "gone1"),
    }


def test_who_deletes_their_own_account_is_named_by_the_entry(client):
    alone = User.objects.create_superuser("alone")
    client.force_login(alone)
    assert client.post(reverse("admin:auth_user_delete", args=[alone.pk]), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="alone").exists()
    assert ("account deleted", "alone") in actions(made_by=None)


def test_the_list_is_taken_along_as_csv_in_which_nothing_runs(client):
    post = make_post(released=True)
    make_post(released=True)
    head = post.head_revision
    record_revision(post, {**post.working_record(), "summary": "x"}, by=person("Editors"), why='=HYPERLINK("x")')
    client.force_login(person("Staff"))
    address = reverse("admin:posts_auditentry_csv")
    answer = client.get(address, {"post__id__exact": post.pk})
    assert answer.streaming and answer.headers["Content-Disposition"] == 'attachment; filename="auditentry.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert [row["What"] for row in rows] == ["approved", "released", "saved"]
    assert {row["Source id"] for row in rows} == {post.source_id}
    assert rows[-1]["Detail"] == '\'=HYPERLINK("x")' and rows[-1]["Fingerprint before"] == head.fingerprint
    assert actions(action="exported") == [("exported", f"audit entries: post__id__exact={post.pk}")]
    assert client.get(address, {"nonsense": "1"}).status_code == 400
    client.force_login(User.objects.create_user("reader", is_staff=True))
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(start):
    assert safe_cell(start) == f"'{start}"


def test_other_cells_stay_as_they_are():
    assert [safe_cell(value) for value in ("a=1", "", None, 3)] == ["a=1", "", "", "3"]
    assert "".join(csv_lines(["a", "b"], [["x,y", 'say "no"']])) == '\ufeffa,b\r\n"x,y","say ""no"""\r\n'


def test_releases_are_taken_along_too(client):
    post = make_post(released=True)
    client.force_login(person("Staff"))
    answer = client.get(reverse("admin:posts_release_csv"), {"post__id__exact": post.pk})
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    assert (row["What"], row["Version"], row["Source id"]) == ("released", "1.0.0", post.source_id)


@pytest.mark.parametrize("group", ["Editors", "Reviewers"])
@pytest.mark.parametrize("name", ["auditentry", "release"])
def test_who_may_not_export_is_neither_given_nor_offered_the_whole_list(client, group, name):
    post = make_post(released=True)
    for who, status in (("Staff", 200), (group, 403)):
        client.force_login(person(who))
        address = reverse(f"admin:posts_{name}_csv")
        assert client.get(address).status_code == status
        for page in (reverse(f"admin:posts_{name}_changelist"), reverse("admin:posts_post_releases", args=[post.pk])):
            offered = (address if name in page else reverse("admin:posts_release_csv")) in client.get(
                page
            ).content.decode()
            assert offered is (status == 200)


def test_entries_about_accounts_are_seen_by_those_who_may_export_alone(client, reviewer):
    client.post(reverse("admin:login"), {"username": "reviewer", "password": "wrong"})
    client.post(reverse("admin:login"), {"username": "reviewer", "password": PASSWORD})
    make_post(released=True)
    failed = AuditEntry.objects.get(action="sign-in failed")
    address = reverse("admin:posts_auditentry_changelist")
    one = reverse("admin:posts_auditentry_change", args=[failed.pk])
    for group, sees in (("Editors", False), ("Reviewers", False), ("Staff", True)):
        client.force_login(person(group))
        page = client.get(address)
        listed = {entry.action for entry in page.context["cl"].result_list}
        assert {"approved", "released"} <= listed
        assert bool(listed & set(ACCOUNT_ACTIONS)) is sees
        assert ("?action=sign-in+failed" in page.content.decode()) is sees
        assert bool(client.get(address, {"action": "sign-in failed"}).context["cl"].result_list) is sees
        assert client.get(one).status_code == (200 if sees else 302)


def test_every_entry_that_names_no_post_and_comes_of_an_account_is_one_about_accounts(client, superuser, editor):
    """A kind of entry added to the trail of accounts has to be added to what editors do not see."""
    client.post(reverse("admin:login"), {"username": "superuser", "password": "wrong"})
    client.post(reverse("admin:login"), {"username": "superuser", "password": PASSWORD})
    client.post(reverse("admin:auth_user_add"), {"username": "new", "password1": PASSWORD, "password2": PASSWORD,
                                                  "usable_password": "true"})  # fmt: skip
    client.post(reverse("admin:auth_user_password_change", args=[editor.pk]), new_passwords())
    client.post(
        reverse("admin:password_change"),
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )
    client.post(
        reverse("admin:auth_user_password_change", args=[editor.pk]),
        {"usable_password": "false", "unset-password": "1"},
    )
    client.post(reverse("admin:logout"))
    editor.groups.clear()
    client.force_login(superuser)
    client.post(reverse("admin:auth_user_delete", args=[User.objects.get(username="new").pk]), {"post": "yes"})
    client.post(reverse("admin:auth_group_delete", args=[Group.objects.get(name="Staff").pk]), {"post": "yes"})
    done = set(AuditEntry.objects.filter(post=None).values_list("action", flat=True))
    assert len(done) >= 6 and done <= set(ACCOUNT_ACTIONS)


NEW_PASSWORD = "quite another long phrase"


def new_passwords():
    return {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}


def test_a_changed_password_is_noted_with_whose_hand_changed_it(client, superuser, editor):
    client.force_login(editor)
    answer = client.post(
        reverse("admin:password_change"),
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )
    assert answer.status_code == 302
    assert actions(made_by=editor)[-1] == ("password changed", "their own")
    client.force_login(superuser)
    address = reverse("admin:auth_user_password_change", args=[editor.pk])
    assert client.post(address, new_passwords()).status_code == 302
    assert actions(made_by=superuser)[-1] == ("password set", "of editor")
    assert client.post(address, {"usable_password": "false", "unset-password": "1"}).status_code == 302
    assert actions(made_by=superuser)[-1] == ("password disabled", "of editor")


def test_a_password_set_by_a_command_is_noted(monkeypatch, editor):
    monkeypatch.setattr("getpass.getpass", lambda prompt="": NEW_PASSWORD)
    call_command("changepassword", "editor", verbosity=0)
    assert actions() == [("password set", "of editor, by a command")]


def test_a_hash_that_a_sign_in_makes_again_is_no_changed_password(settings, editor):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    old = make_password(PASSWORD, hasher="md5")
    User.objects.filter(pk=editor.pk).update(password=old)
    assert authenticate(username="editor", password=PASSWORD) == editor
    assert User.objects.get(pk=editor.pk).password != old
    assert actions() == []


def test_a_restored_text_is_called_restored_and_not_saved():
    post = make_post(released=True)
    first, by = post.head_revision, person("Editors")
    record_revision(post, {**post.working_record(), "summary": "Second."}, by=by)
    restore_revision(first, by=by)
    assert [action for action, _ in actions(made_by=by)] == ["saved", "restored"]


def test_a_text_that_the_roll_back_of_an_import_restores_is_called_restored():
    record = RecordFactory()
    import_records(record)
    batch = import_records({**record, "summary": "Second."})
    by = person("Staff")
    roll_back_batch(batch, by=by)
    assert actions(post=Post.objects.get(), made_by=by) == [("restored", f"Import {batch.pk} rolled back.")]


def test_the_list_asks_as_many_questions_for_twenty_kinds_of_entries_as_for_one(client, superuser):
    client.force_login(superuser)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("admin:posts_auditentry_changelist")).status_code == 200
        return len(asked)

    post = make_post(released=True)
    one = queries()
    for number in range(20):
        AuditEntry.objects.create(action=f"kind {number}", post=post, made_by=superuser)
    assert queries() == one
    stored = AuditEntry.objects.order_by().values_list("action", flat=True).distinct()
    assert AuditEntry.objects.actions() == sorted(stored) and len(stored) > 20


def test_a_sign_in_that_names_a_foreign_page_leads_to_the_admin(client, reviewer):
    data = {"username": "reviewer", "password": PASSWORD, "next": "https://elsewhere.example/"}
    answer = client.post(reverse("admin:login"), data)
    assert answer.status_code == 302 and answer.url == reverse("admin:index")


def test_the_audit_trail_speaks_to_people_in_the_words_of_the_glossary(admin_client):
    post, by = make_post(), person()
    claim_post(post, by=by)
    unclaim(post, by=by)
    page = admin_client.get("/admin/posts/auditentry/").content.decode()
    assert "claim ended" in page and ">let go<" not in page
    # The filter asks for the stored name.
    assert "?action=let+go" in page or "?action=let%20go" in page
