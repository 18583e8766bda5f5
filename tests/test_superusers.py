"""What superusers do is marked, and an approval of their own text is listed where everybody sees it."""

import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.models import AuditEntry, Review
from posts.operations import decide, flag_post, undo_decision
from posts.operations.review import Decision
from tests.factories import ALL_MET, approve, edit, fresh, make_post, person

pytestmark = [pytest.mark.django_db, pytest.mark.once]
LISTED = "Approved by their own author"


@pytest.fixture
def superuser():
    return User.objects.create_superuser("root")


def page(by, address):
    client = Client()
    client.force_login(by)
    return client.get(address).content.decode()


def approve_own(post, by, reason="The only reviewer is on holiday."):
    edit(post, by, summary="Words of the superuser.")
    return approve(post, by=by, own_text_reason=reason).live_approval


def test_the_audit_trail_names_a_superuser_as_one(superuser):
    post, staff = make_post(), person("Staff")
    flag_post(post, by=superuser, note="Wrong.")
    flag_post(post, by=staff, note="Wrong too.")
    marks = dict(AuditEntry.objects.filter(action="flagged").values_list("made_by", "as_superuser"))
    assert marks == {superuser.pk: True, staff.pk: False}
    trail = page(superuser, reverse("admin:posts_auditentry_changelist"))
    assert "root, as superuser" in trail and f"{staff}, as superuser" not in trail
    marked = page(superuser, reverse("admin:posts_auditentry_changelist") + "?superuser=yes&action=flagged")
    assert "root, as superuser" in marked and str(staff) not in marked.partition("<main")[2]
    assert "root, as superuser" in page(staff, reverse("admin:posts_post_history", args=[post.pk]))


def test_the_mark_stays_when_the_person_is_no_superuser_any_more(superuser):
    flag_post(make_post(), by=superuser, note="Wrong.")
    User.objects.filter(pk=superuser.pk).update(is_superuser=False)
    assert AuditEntry.objects.get(action="flagged").who == "root, as superuser"


def test_the_dashboard_lists_what_a_superuser_approved_of_their_own_text(superuser):
    post, reviewer = make_post(), person()
    assert LISTED not in page(reviewer, reverse("admin:index"))
    approve_own(post, superuser)
    desk = page(reviewer, reverse("admin:index"))
    assert LISTED in desk and "The only reviewer is on holiday." in desk and post.title in desk
    # Who sees no decisions sees none here.
    reader = person("Editors")
    reader.groups.get().permissions.remove(*reader.groups.get().permissions.filter(codename="view_review"))
    assert LISTED not in page(reader, reverse("admin:index"))


def test_after_thirty_days_and_when_undone_it_is_listed_no_more(superuser):
    old, undone = approve_own(make_post(), superuser), approve_own(make_post(), superuser)
    undo_decision(undone, by=superuser)
    assert LISTED in page(superuser, reverse("admin:index"))
    Review.objects.filter(pk=old.pk).update(created_at=timezone.now() - datetime.timedelta(days=31))
    assert LISTED not in page(superuser, reverse("admin:index"))


def test_a_superusers_approval_of_another_persons_text_is_no_such_approval(superuser):
    post = make_post()
    assert not approve(post, by=superuser, own_text_reason="Just to be sure.").live_approval.is_own_text


def test_a_reason_of_somebody_else_excuses_nobody():
    post, by = make_post(), person()
    edit(post, by, summary="Mine.")
    fingerprint = fresh(post).head_revision.fingerprint
    with pytest.raises(Exception, match="You wrote"):
        decide(post, Decision("approved", fingerprint, answers=ALL_MET, own_text_reason="I may."), by=by)
    assert not Review.objects.filter(is_own_text=True).exists()


def test_many_such_approvals_cost_the_dashboard_no_more(superuser, django_assert_max_num_queries):
    client = Client()
    client.force_login(superuser)
    counts = []
    for _ in range(2):
        for _ in range(3):
            approve_own(make_post(), superuser)
        with django_assert_max_num_queries(60) as queries:
            client.get(reverse("admin:index"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_nobody_can_sign_in_as_another_person(superuser):
    # No address of the admin takes over an account, and the form of an account has no such button.
    from django.contrib import admin

    names = [getattr(pattern, "name", "") or "" for pattern in admin.site.get_urls()]
    assert not [name for name in names if "impersonat" in name or "hijack" in name or name.endswith("_as")]
    form = page(superuser, reverse("admin:auth_user_change", args=[person().pk]))
    assert "sign in as" not in form.lower() and "log in as" not in form.lower()
