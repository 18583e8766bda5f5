"""What each role finds at its desk: nothing that it may not use, and what waits for it."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from posts.models import AuditEntry, OutgoingMessage, QueueEntry
from posts.operations import (
    Decision,
    NotAllowed,
    Refused,
    claim_post,
    decide,
    flag_post,
    roll_back,
    send_again,
    undo_decision,
)
from tests.factories import approve, edit, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db
ROLES = ("Editors", "Reviewers", "Staff", "superuser")


def member(role):
    return User.objects.create_superuser("root") if role == "superuser" else person(role)


def busy_site():
    make_post(released=True)
    flag_post(make_post(released=True), by=person())
    make_post()
    import_records({"title": "No source id"})


@pytest.mark.parametrize("role", ROLES)
def test_nobody_sees_a_link_or_a_button_on_the_dashboard_that_they_may_not_use(client, role):
    busy_site()
    client.force_login(member(role))
    page = client.get("/admin/").content.decode()
    main = page[page.index('id="content-main"') :]
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"]*|\?[^"]*)"', main)}
    assert len(links) > 5
    refused = {link for link in links if client.get(link).status_code not in (200, 302)}
    assert refused == set()
    # Every form of the dashboard is one of reviewers: it undoes their own decision.
    assert ('action="/admin/queue/undo/"' in main) is False


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("Editors", {"Write a post"}),
        ("Reviewers", {"Review the riskiest post"}),
        ("Staff", {"Import posts"}),
        ("superuser", {"Review the riskiest post"}),
    ],
)
def test_the_first_button_of_the_dashboard_is_what_the_role_does(client, role, seen):
    busy_site()
    client.force_login(member(role))
    page = client.get("/admin/").content.decode()
    buttons = {"Write a post", "Review the riskiest post", "Import posts"}
    assert {words for words in buttons if f">{words}</a>" in page} == seen


def turned_down(editor, *, outcome="changes_requested"):
    """Return a post whose text `editor` wrote, and the decision that turned it down."""
    post = make_post()
    edit(post, by=editor, summary="Mine.")
    post = fresh(post)
    decision = Decision(outcome, post.head_revision.fingerprint, comment="Say <where> it runs.", reason_code="code")
    return post, decide(post, decision, by=person())


@pytest.mark.parametrize("outcome", ["changes_requested", "rejected"])
def test_the_words_of_the_reviewer_are_above_the_form_of_what_came_back(client, outcome):
    editor = person("Editors")
    post, review = turned_down(editor, outcome=outcome)
    client.force_login(editor)
    address = reverse("admin:posts_post_change", args=[post.pk])
    page = client.get(address).content.decode()
    words = escape("Say <where> it runs.")
    assert page.index(words) < page.index('id="post-form"')
    assert review.get_outcome_display() in page and "Code does not work" in page
    assert words in client.get(reverse("admin:my_work")).content.decode()
    assert "Came back to you" in client.get("/admin/").content.decode()
    undo_decision(review, by=review.reviewer)
    assert words not in client.get(address).content.decode().split('id="post-form"')[0]


def test_the_words_of_a_roll_back_are_above_the_form_too(client):
    post = make_post(released=True)
    edit(post, summary="Second.")
    roll_back(approve(post), by=person(), why="The second one was wrong.")
    client.force_login(person("Editors"))
    page = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    assert page.index("The second one was wrong.") < page.index('id="post-form"')


def test_my_work_of_reviewers_has_what_they_claimed_and_what_waits_too_long(client):
    reviewer = person()
    claimed, old, assigned, _ = (make_post(title=title) for title in ("Claimed one", "Old one", "Theirs", "New one"))
    claim_post(claimed, by=reviewer)
    QueueEntry.objects.filter(pk__in=[old.pk, assigned.pk]).update(waiting_since=timezone.now() - timedelta(days=15))
    QueueEntry.objects.filter(pk=assigned.pk).update(assigned_to=person())
    client.force_login(reviewer)
    lists = {
        found.heading: [task.title for task in found.tasks] for found in client.get("/admin/my-work/").context["lists"]
    }
    assert lists["Claimed by you"] == ["Claimed one"]
    assert lists["Pending for 14 days or more"] == ["Old one"]
    assert "New one" not in str(lists)
    QueueEntry.objects.filter(pk=claimed.pk).update(held_until=timezone.now() - timedelta(minutes=1))
    assert "Claimed by you" not in client.get("/admin/my-work/").content.decode()


def message(**columns):
    return OutgoingMessage.objects.create(kind="mail", recipient="a@example.org", subject="Hello", body="x", **columns)


def test_staff_send_a_message_again_that_was_given_up(client):
    past = timezone.now() - timedelta(days=4)
    parked = message(parked_at=past, made_at=past, due_at=past, attempts=20)
    sent = message(sent_at=past)
    address = reverse("admin:posts_outgoingmessage_changelist")
    form = {"action": "send_again", "_selected_action": [parked.pk, sent.pk]}
    client.force_login(person("Staff"))
    assert "1 message will be sent again at once." in client.post(address, form, follow=True).content.decode()
    parked.refresh_from_db()
    assert parked.parked_at is None and parked.due_at > past and parked.attempts == 20
    assert OutgoingMessage.objects.get(pk=sent.pk).sent_at == past
    entry = AuditEntry.objects.get(action="message sent again")
    assert f"#{parked.pk}" in entry.detail and entry.made_by is not None
    assert "Choose messages that were given up." in client.post(address, form, follow=True).content.decode()
    with pytest.raises(Refused):
        send_again([parked.pk], by=None)


def test_only_people_who_run_jobs_send_messages_again(client):
    parked = message(parked_at=timezone.now())
    for group in ("Editors", "Reviewers"):
        with pytest.raises(NotAllowed):
            send_again([parked.pk], by=person(group))
    assert not AuditEntry.objects.filter(action="message sent again").exists()
