"""The lists and pages of records, accounts and groups: in the words of this site, and usable on a phone."""

import re

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.admin.rights import ACCOUNTS, POSTS, UNUSED, shown_rights
from posts.models import Review
from posts.operations import (
    clear_flag,
    decide,
    flag_post,
    report_problem,
    undo_decision,
    withdraw_post,
)
from posts.operations.review import Decision
from tests.factories import approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db
STOCK = (
    "<h1>Select ", " to view", " to change", "Empty", "Not empty", "By is ", "By cleared at", "changes_requested",
    ">Home<", ">None<", "Show counts", "{&#x27;", "{'",
)  # fmt: skip


@pytest.fixture
def client():
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def records():
    """Make a row of each kind."""
    post = make_post(released=True)
    edit(post, summary="Second.")
    decide(
        fresh(post),
        Decision("changes_requested", fresh(post).head_revision.fingerprint, reason_code="code"),
        by=person(),
    )
    flag_post(post, by=person(), note="Look.")
    flag = flag_post(post, by=person(), note="Look again.")
    clear_flag(flag, by=person(), note="Fine.")
    report_problem(fresh(post), reason="facts", address="192.0.2.1")
    withdraw_post(make_post(released=True), by=person())
    return post


def text_of(page):
    """Return the page without scripts, hidden fields and queries in addresses."""
    hidden = r"<script.*?</script>|<input type=\"hidden\"[^>]*>|\?[a-z_]+=[a-z_]+(?=\")"
    return re.sub(hidden, "", page.content.decode(), flags=re.DOTALL)


def test_no_list_and_no_page_of_a_record_has_a_stock_title_or_filter(client, records):
    for model in site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if name == "posts_job":
            continue
        page = client.get(reverse(f"admin:{name}_changelist"))
        assert page.status_code == 200
        found = [words for words in STOCK if words in text_of(page)]
        assert found == [], name
        row = model._default_manager.first()
        if row is None:
            continue
        page = client.get(reverse(f"admin:{name}_change", args=[row.pk]))
        found = [words for words in (*STOCK[:2], "Change user", "View ", ">Home<", "{&#x27;") if words in text_of(page)]
        assert found in ([], ["View "]), name
        assert "<h1>View " not in text_of(page), name


def test_the_audit_trail_and_the_decisions_have_their_names(client, records):
    titles = {
        "auditentry": "Audit trail", "review": "Decisions", "reviewflag": "Flags", "imagesource": "Images",
        "scheduledrelease": "Planned releases", "importbatch": "Imports", "formerslug": "Former addresses",
    }  # fmt: skip
    for model, title in titles.items():
        page = client.get(reverse(f"admin:posts_{model}_changelist"))
        assert page.context["title"] == title and f"<h1>{title}</h1>" in text_of(page)


def test_flags_are_filtered_by_whether_they_are_open(client, records):
    def notes(**query):
        page = client.get(reverse("admin:posts_reviewflag_changelist"), query)
        return sorted(flag.note for flag in page.context["cl"].result_list)

    assert notes() == ["Look again.", "Look."]
    assert (notes(cleared="no"), notes(cleared="yes")) == (["Look."], ["Look again."])
    assert notes(cleared="x") == notes()


def test_decisions_are_filtered_by_kind_and_show_whether_they_stand(client):
    reviewer = person()
    post = approve(make_post(), by=reviewer)
    undo_decision(Review.objects.get(), by=reviewer)
    assert not fresh(post).is_live
    page = client.get(reverse("admin:posts_review_changelist"), {"bulk": "no"})
    assert "undone" in text_of(page) and "✓" in text_of(page)
    assert not client.get(reverse("admin:posts_review_changelist"), {"bulk": "yes"}).context["cl"].result_list


def test_every_cell_of_a_list_has_the_heading_of_its_column(client, records):
    page = text_of(client.get(reverse("admin:posts_reviewflag_changelist")))
    assert '<td data-label="Raised by" class="field-raised_by' in page
    posts = text_of(client.get(reverse("admin:posts_post_changelist")))
    assert '<td data-label="Readers see" class="field-readers_see' in posts
    assert '<td data-label="" class="action-checkbox' in posts


def test_a_form_of_rights_names_what_people_do_and_keeps_what_it_does_not_show(client):
    group = Group.objects.get(name="Editors")
    group.permissions.add(Permission.objects.get(codename="view_session"))
    page = client.get(reverse("admin:auth_group_change", args=[group.pk]))
    text = text_of(page)
    assert "Decide about posts" in text and "Can add" not in text and "session" not in text
    chosen = list(group.permissions.filter(pk__in=shown_rights()).values_list("pk", flat=True))
    review = Permission.objects.get(codename="review_post")
    before = set(group.permissions.values_list("codename", flat=True))
    client.post(
        reverse("admin:auth_group_change", args=[group.pk]), {"name": "Editors", "permissions": [*chosen, review.pk]}
    )
    assert set(group.permissions.values_list("codename", flat=True)) == before | {"review_post"}
    client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Editors", "permissions": [review.pk]})
    kept = set(group.permissions.values_list("codename", flat=True))
    assert kept == {"review_post", "view_session"} | (before & set(UNUSED))


def test_rights_of_an_account_that_the_form_does_not_show_stay(client):
    user = person("Editors")
    user.user_permissions.add(Permission.objects.get(codename="view_session"))
    page = client.get(reverse("admin:auth_user_change", args=[user.pk]))
    text = text_of(page)
    assert "Editors: write new posts; edit posts" in text and "pbkdf2" not in text
    data = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [Group.objects.get(name="Staff").pk],
    }
    assert client.post(reverse("admin:auth_user_change", args=[user.pk]), data).status_code == 302
    user = User.objects.get(pk=user.pk)
    assert [group.name for group in user.groups.all()] == ["Staff"]
    assert [right.codename for right in user.user_permissions.all()] == ["view_session"]


def test_every_right_in_the_tables_exists_and_every_right_that_is_asked_for_is_shown():
    shown = set(shown_rights().values_list("codename", flat=True))
    named = {name for rights in POSTS.values() for name in rights} | set(ACCOUNTS)
    assert named <= shown
    assert not shown & set(UNUSED)


@pytest.mark.once
def test_the_lists_of_accounts_and_groups_cost_the_same_for_more_people(client, django_assert_max_num_queries):
    counts = []
    for _ in range(2):
        for name in ("admin:auth_user_changelist", "admin:auth_group_changelist"):
            with django_assert_max_num_queries(14) as queries:
                client.get(reverse(name))
            counts.append(len(queries))
        for _ in range(10):
            person()
    assert counts[:2] == counts[2:]


def test_the_time_zone_of_a_plan_is_typed_with_suggestions(client):
    post = approve(make_post(), release=False)
    address = reverse("admin:posts_post_releases", args=[post.pk])
    page = text_of(client.get(address))
    assert '<option value="Europe/Zagreb"></option>' in page and '<select name="zone"' not in page
    when = {"act": "take-down", "day": "2099-01-01", "time": "08:00"}
    assert client.post(address, {**when, "zone": "Nowhere"}).status_code == 422
    assert client.post(address, {**when, "zone": "Europe/Zagreb"}).status_code == 302


def test_the_form_of_a_pending_post_leads_reviewers_to_the_review(client):
    post = make_post()
    link = f'href="{reverse("admin:review", args=[post.pk])}"'
    assert link in text_of(client.get(reverse("admin:posts_post_change", args=[post.pk])))
    approve(post)
    assert link not in text_of(client.get(reverse("admin:posts_post_change", args=[post.pk])))


def test_accounts_are_found_by_what_their_state_says(client, superuser):
    editor, former, guest = person("Editors"), person("Editors"), person("Editors")
    User.objects.filter(pk=former.pk).update(is_active=False)
    User.objects.filter(pk=guest.pk).update(is_staff=False)
    client.force_login(superuser)
    found = {
        access: {
            user.username for user in client.get("/admin/auth/user/", {"access": access}).context["cl"].result_list
        }
        for access in ("admin", "none", "out", "superuser")
    }
    assert found["out"] == {former.username} and found["none"] == {guest.username}
    assert editor.username in found["admin"] and not found["admin"] & {former.username, guest.username}
    assert superuser.username in found["superuser"] and editor.username not in found["superuser"]
    assert "By superuser status" not in client.get("/admin/auth/user/").content.decode()


def test_a_record_without_a_history_of_its_own_leads_to_the_audit_trail(client):
    page = client.get(reverse("admin:auth_group_history", args=[Group.objects.get(name="Editors").pk]))
    assert "No changes are recorded here." in page.text
    assert f'<a href="{reverse("admin:posts_auditentry_changelist")}">audit trail</a>' in page.text


@pytest.mark.parametrize("name", ["auditentry", "release", "review", "reviewflag", "revision"])
def test_a_list_of_records_reads_only_the_titles_of_their_posts(client, records, name):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse(f"admin:posts_{name}_changelist")).status_code == 200
    read = {column for query in queries for column in re.findall(r'"posts_post"\."(\w+)"', query["sql"])}
    assert "title" in read
    assert not read & {"body", "intro", "payload", "extra", "ai_outline", "stack"}
