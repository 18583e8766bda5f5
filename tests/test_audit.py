"""The audit trail: who, what, when, which text; added to and never changed; readable and to take along."""

import csv
import io

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from posts.csv_cells import csv_lines, safe_cell
from posts.models import AuditEntry
from posts.models.audit_entry import AuditTrailIsAppendOnly
from posts.operations import record_revision, roll_back
from tests.factories import approve, make_post, person

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
        ("sign-in failed", "no such account"),
        ("signed in", ""),
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
    page = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    trail = f"{reverse('admin:posts_auditentry_changelist')}?post__id__exact={post.pk}"
    assert "Audit trail" in page and trail in page
    listed = client.get(trail)
    assert {entry.post_id for entry in listed.context["cl"].result_list} == {post.pk}
    listed = client.get(reverse("admin:posts_auditentry_changelist"), {"action": "released"})
    assert {entry.action for entry in listed.context["cl"].result_list} == {"released"}
    assert {entry.post_id for entry in listed.context["cl"].result_list} == {post.pk, other.pk}


def test_the_list_is_taken_along_as_csv_in_which_nothing_runs(client):
    post = make_post(released=True)
    make_post(released=True)
    head = post.head_revision
    record_revision(post, {**post.working_record(), "summary": "x"}, by=person("Editors"), why='=HYPERLINK("x")')
    client.force_login(person("Editors"))
    address = reverse("admin:posts_auditentry_csv")
    answer = client.get(address, {"post__id__exact": post.pk})
    assert answer.streaming and answer.headers["Content-Disposition"] == 'attachment; filename="auditentry.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
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
    assert "".join(csv_lines(["a", "b"], [["x,y", 'say "no"']])) == 'a,b\r\n"x,y","say ""no"""\r\n'


def test_releases_are_taken_along_too(client):
    post = make_post(released=True)
    client.force_login(person("Editors"))
    answer = client.get(reverse("admin:posts_release_csv"), {"post__id__exact": post.pk})
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (row["What"], row["Version"], row["Source id"]) == ("released", "1.0.0", post.source_id)
