"""Who is told what, where: once, in the transaction of the event, whatever the mail server does."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.importing.tasks import run_import
from posts.jobs import run_waiting_jobs
from posts.models import ImportBatch, JobRun, Notification, NotificationSetting, OutgoingMessage, Review
from posts.notifications import tell
from posts.notifications.tasks import send_digests
from posts.notifications.words import line_of
from posts.operations import Decision, assign_post, decide, flag_post, report_problem
from posts.outbox import add_mail
from posts.outbox.send import send_due_messages
from posts.outbox.tasks import forget_old_messages
from tests.factories import PostFactory, edit, fresh, person
from tests.other_sites import THIS_MACHINE, other_site, says
from tests.trials import trial

pytestmark = [pytest.mark.django_db, pytest.mark.once]
Kind = Notification.Kind


@pytest.fixture(autouse=True)
def site_that_sends_mail(settings):
    settings.SENDS_MAIL = True


def with_mail(group):
    user = person(group)
    user.email = f"{user.username}@example.org"
    user.save()
    return user


def turn_down(post, by, comment="The second step fails.", outcome=Review.Outcome.CHANGES_REQUESTED):
    post = fresh(post)
    return decide(post, Decision(outcome, post.head_revision.fingerprint, comment=comment), by=by)


def texts(user):
    return list(user.notifications.values_list("text", flat=True))


def test_an_editor_is_told_why_a_text_came_back():
    editor, reviewer = person("Editors"), person()
    post = PostFactory(title="Retry queues")
    edit(post, by=editor, intro="Written by a person.")
    turn_down(post, reviewer)
    assert texts(editor) == [f"{reviewer} asked for changes to “Retry queues”: The second step fails."]
    assert texts(reviewer) == []


@pytest.mark.parametrize("said", ["The second step fails.", "Which version", "Why?"])
def test_a_notification_ends_with_one_full_stop(said):
    editor = person("Editors")
    tell(Kind.RETURNED, [editor], text=f"A reviewer asked for changes: {said}", by=None)
    assert line_of(editor.notifications.get()) == f"A reviewer asked for changes: {said.replace('version', 'version.')}"


def test_many_decisions_of_one_person_are_one_notification_until_it_is_read():
    editor, reviewer = person("Editors"), person()
    posts = [PostFactory() for _ in range(3)]
    for post in posts:
        edit(post, by=editor, intro="Written by a person.")
        turn_down(post, reviewer)
    assert [(told.count, told.post) for told in editor.notifications.all()] == [(3, posts[2])]
    editor.notifications.update(read_at=timezone.now())
    edit(posts[0], by=editor, intro="Written once more.")
    turn_down(posts[0], reviewer)
    assert sorted(told.count for told in editor.notifications.all()) == [1, 3]


def test_a_reviewer_is_told_of_an_assignment_and_nobody_of_their_own():
    lead, reviewer = person(), person()
    post = PostFactory(title="Retry queues")
    assign_post(post, to=reviewer, by=lead)
    assert texts(reviewer) == [f"{lead} assigned “Retry queues” to you for review"]
    assign_post(post, to=lead, by=lead)
    assert texts(lead) == []


def test_a_flag_on_a_page_in_search_engines_is_mailed_at_once_and_one_on_another_page_is_not():
    staff, other = with_mail("Staff"), with_mail("Staff")
    flag_post(PostFactory(), by=staff, note="Look.")
    assert texts(other) == []
    flag_post(PostFactory(released=True, title="Retry queues"), by=staff, note="The command deletes data.")
    assert "“Retry queues” was flagged" in texts(other)[0]
    assert texts(staff) == []
    assert [(message.recipient, message.kind) for message in OutgoingMessage.objects.all()] == [(other.email, "mail")]


def test_staff_are_told_of_a_readers_report_without_a_mail():
    staff = with_mail("Staff")
    report_problem(PostFactory(released=True, title="Retry queues"), reason="code", note="", address="198.51.100.7")
    assert texts(staff) == ["A reader reported a problem with “Retry queues”: Code does not work"]
    assert not OutgoingMessage.objects.exists()


def test_an_operation_that_is_taken_back_told_nobody():
    editor, reviewer = person("Editors"), person()
    post = PostFactory()
    edit(post, by=editor, intro="Written by a person.")
    with trial():
        turn_down(post, reviewer)
        transaction.set_rollback(True)
    assert texts(editor) == []


def test_urgent_mails_of_one_kind_are_at_most_one_in_a_quarter_of_an_hour():
    staff, other = person("Staff"), with_mail("Staff")
    for number in range(5):
        flag_post(PostFactory(released=True), by=staff, note=f"Look {number}.")
    assert OutgoingMessage.objects.count() == 1
    Notification.objects.update(mailed_at=timezone.now() - timedelta(minutes=16))
    flag_post(PostFactory(released=True), by=staff, note="Look again.")
    assert OutgoingMessage.objects.filter(recipient=other.email).count() == 2


@pytest.mark.parametrize("wish", [{"mails_at_once": False}, {"mails_digest": False}])
def test_a_person_chooses_which_mail_comes(wish):
    staff, other = person("Staff"), with_mail("Staff")
    NotificationSetting.objects.create(user=other, **wish)
    flag_post(PostFactory(released=True), by=staff, note="Look.")
    assert OutgoingMessage.objects.exists() is wish.get("mails_at_once", True)
    OutgoingMessage.objects.all().delete()
    Notification.objects.update(mailed_at=None)
    send_digests.func()
    assert OutgoingMessage.objects.exists() is wish.get("mails_digest", True)


def test_the_digest_comes_once_a_day_with_what_is_new():
    editor, reviewer = with_mail("Editors"), person()
    first, second = PostFactory(title="Retry queues"), PostFactory(title="Dead letters")
    for post in (first, second):
        edit(post, by=editor, intro="Written by a person.")
    turn_down(first, reviewer)
    turn_down(second, person())
    send_digests.func()
    send_digests.func()
    digest = OutgoingMessage.objects.get()
    assert digest.recipient == editor.email
    assert "2 new notifications" in digest.subject
    assert "Retry queues" in digest.body and "Dead letters" in digest.body
    NotificationSetting.objects.update(digest_sent_at=timezone.now() - timedelta(hours=25))
    send_digests.func()
    assert OutgoingMessage.objects.count() == 1, "nothing is new"
    edit(first, by=editor, intro="Written once more.")
    turn_down(first, reviewer)
    send_digests.func()
    assert OutgoingMessage.objects.count() == 1, "what came after the hour of the digest waits for the next one"
    Notification.objects.update(made_at=timezone.now() - timedelta(hours=4), mailed_at=None)
    Notification.objects.filter(post=second).update(mailed_at=timezone.now())
    send_digests.func()
    newest = OutgoingMessage.objects.first()
    assert "Retry queues" in newest.body and "Dead letters" not in newest.body


def test_the_digest_keeps_its_hour_when_the_job_runs_early_or_late(monkeypatch):
    editor, reviewer = with_mail("Editors"), person()
    post = PostFactory(title="Retry queues")
    first = datetime(2031, 5, 5, 8, 0, 20, tzinfo=UTC)
    sent_at = []
    # A little earlier than 24 hours later, then three hours late, then on time again.
    for now in (
        first,
        first + timedelta(days=1, seconds=-15),
        first + timedelta(days=2, hours=3),
        first + timedelta(days=3),
    ):
        edit(post, by=editor, intro=f"Written at {now}.")
        turn_down(post, reviewer)
        Notification.objects.update(made_at=now - timedelta(hours=6), read_at=None)
        for moment in (now, now + timedelta(hours=1)):
            monkeypatch.setattr("posts.notifications.tasks.timezone.now", lambda moment=moment: moment)
            before = OutgoingMessage.objects.count()
            send_digests.func()
            if OutgoingMessage.objects.count() > before:
                sent_at.append(moment)
        monkeypatch.undo()
    assert [(moment.day, moment.hour) for moment in sent_at] == [(5, 8), (6, 8), (7, 11), (8, 8)]


def run_started_import(path, *, by):
    """Do what a worker does after `by` started the import of a file in the admin."""
    waiting = ImportBatch.State.WAITING
    batch = ImportBatch.objects.create(
        source_name=path.name, source_path=str(path), format="jsonl", started_by=by, state=waiting
    )
    run_import.func(batch_id=batch.pk)


def test_an_import_tells_who_started_it_once(tmp_path, importer):
    lines = "\n".join(json.dumps({"source_id": str(n), "title": f"Post {n}", "body": "Text."}) for n in range(50))
    (tmp_path / "posts.jsonl").write_text(lines)
    run_started_import(tmp_path / "posts.jsonl", by=importer)
    told = importer.notifications.get()
    assert told.kind == Kind.IMPORT_FINISHED
    assert "50 created" in told.text
    assert OutgoingMessage.objects.filter(recipient=importer.email).count() == 1


def test_an_import_that_can_not_be_read_tells_who_started_it(tmp_path, importer):
    run_started_import(tmp_path / "gone.jsonl", by=importer)
    assert importer.notifications.get().kind == Kind.IMPORT_FAILED


@pytest.fixture
def importer():
    user = with_mail("Staff")
    user.groups.add(Group.objects.get(name="Editors"))
    return user


# The outbox


def test_a_worker_sends_the_mail_and_a_second_run_sends_nothing():
    add_mail("editor@example.org", subject="A line\nand another", body="Words.")
    run_waiting_jobs()
    assert [(sent.to, sent.subject, sent.body) for sent in mail.outbox] == [
        (["editor@example.org"], "A line and another", "Words.")
    ]
    assert send_due_messages() == 0
    assert OutgoingMessage.objects.get().state == "sent"


def test_a_site_without_a_mail_server_stores_no_mail(settings):
    settings.SENDS_MAIL = False
    assert add_mail("editor@example.org", subject="A", body="B") is None
    assert not OutgoingMessage.objects.exists() and not JobRun.objects.exists()


def test_a_dead_mail_server_is_asked_once_a_run_and_less_and_less_often(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for number in range(3):
        add_mail(f"editor{number}@example.org", subject="A", body="B")
    assert send_due_messages() == 0
    assert sorted(OutgoingMessage.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    message = OutgoingMessage.objects.get(attempts=1)
    assert message.last_error.startswith("The mail server:")
    waits = []
    for _ in range(12):
        OutgoingMessage.objects.exclude(pk=message.pk).delete()
        OutgoingMessage.objects.update(due_at=timezone.now())
        send_due_messages()
        message.refresh_from_db()
        waits.append(round((message.due_at - timezone.now()) / timedelta(minutes=1)))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360]
    assert message.state == "waiting to be tried again"
    long_ago = timezone.now() - timedelta(hours=73)
    OutgoingMessage.objects.update(due_at=timezone.now(), made_at=long_ago)
    send_due_messages()
    message.refresh_from_db()
    assert message.state == "given up"
    assert send_due_messages() == 0


def test_a_message_that_another_worker_is_sending_is_left_to_it(monkeypatch):
    add_mail("editor@example.org", subject="A", body="B")
    sent_meanwhile = []
    monkeypatch.setattr(EmailMessage, "send", lambda message: sent_meanwhile.append(send_due_messages()))
    assert send_due_messages() == 1
    assert sent_meanwhile == [0]


def test_the_chat_reads_urgent_events_as_text_that_calls_nobody(settings):
    with other_site(says(200, b"ok")) as chat:
        settings.CHAT_WEBHOOK_URL, settings.OUTGOING_NETWORKS = chat.address + "/hook", THIS_MACHINE
        flag_post(PostFactory(released=True, title="<!channel> & <https://evil.example|click>"), by=None, note="Look.")
        send_due_messages()
        method, path, headers, body = chat.requests[0]
    assert (method, path, headers["content-type"]) == ("POST", "/hook", "application/json")
    text = json.loads(body)["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in text
    assert text.count("<") == 1 and f"<{settings.SITE_URL}" in text


def test_the_chat_reads_many_events_of_one_kind_as_two_messages(settings):
    """A rule that flags a thousand pages must not fill the chat, whose server would refuse the rest."""
    with other_site(says(200, b"ok")) as chat:
        settings.CHAT_WEBHOOK_URL, settings.OUTGOING_NETWORKS = chat.address, THIS_MACHINE
        for number in range(5):
            flag_post(PostFactory(released=True, title=f"Post {number}"), by=None, note="Look.")
            send_due_messages()
        with transaction.atomic():
            tell(Kind.PLAN_REFUSED, [], text="A plan was refused", by=None)
        send_due_messages()
        said = [json.loads(body)["text"] for *_, body in chat.requests]
        assert ["Post 0" in said[0], "A plan was refused." in said[1], len(said)] == [True, True, 2]
        OutgoingMessage.objects.update(due_at=timezone.now())
        send_due_messages()
        later = json.loads(chat.requests[2][3])["text"]
        assert "Post 1" in later and "There may be more." in later
        OutgoingMessage.objects.update(sent_at=timezone.now() - timedelta(minutes=16))
        flag_post(PostFactory(released=True, title="Post 5"), by=None, note="Look.")
        send_due_messages()
        assert "There may be more." not in json.loads(chat.requests[3][3])["text"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_chat_that_refuses_gets_the_message_again_later(settings, status):
    with other_site(says(status, b"no such hook", location="http://127.0.0.1/")) as chat:
        settings.CHAT_WEBHOOK_URL, settings.OUTGOING_NETWORKS = chat.address, THIS_MACHINE
        with transaction.atomic():
            tell(Kind.PLAN_REFUSED, [], text="Something happened", by=None)
        assert send_due_messages() == 0
    message = OutgoingMessage.objects.get()
    assert message.last_error == f"The chat answered {status}: no such hook"
    assert message.due_at > timezone.now()


@pytest.mark.parametrize(("column", "days"), [("sent_at", 31), ("parked_at", 91)])
def test_old_messages_are_deleted(column, days):
    for age in (days, days - 2):
        message = add_mail(f"{age}@example.org", subject="A", body="B")
        OutgoingMessage.objects.filter(pk=message.pk).update(**{column: timezone.now() - timedelta(days=age)})
    forget_old_messages.func()
    assert [message.recipient for message in OutgoingMessage.objects.all()] == [f"{days - 2}@example.org"]


# My work


def test_my_work_shows_what_each_role_waits_for(client):
    editor, reviewer = person("Editors"), person()
    returned, assigned = PostFactory(title="Retry queues"), PostFactory(title="Dead letters")
    edit(returned, by=editor, intro="Written by a person.")
    turn_down(returned, reviewer, comment="The second step fails.")
    assign_post(assigned, to=reviewer, by=person())
    client.force_login(editor)
    page = client.get(reverse("admin:my_work")).content.decode()
    assert "Came back to you" in page
    assert "Changes requested: The second step fails." in page
    assert "Assigned to you" not in page
    client.force_login(reviewer)
    page = client.get(reverse("admin:my_work")).content.decode()
    assert "Assigned to you" in page and "Dead letters" in page and "Retry queues" not in page


def test_notifications_are_read_with_one_button_and_counted_in_the_navigation(client):
    editor = person("Editors")
    tell(Kind.RETURNED, [editor], text="A reviewer asked for changes", by=None)
    client.force_login(editor)
    page = client.get(reverse("admin:my_work"))
    assert [place["count"] for place in page.context["places"] if place["label"] == "My work"] == ["1"]
    page = client.post(reverse("admin:my_work"), {"act": "read"}, follow=True)
    assert "You marked 1 notification as read." in page.content.decode()
    assert [place["count"] for place in page.context["places"] if place["label"] == "My work"] == [""]


def test_the_choice_of_mails_is_saved(client):
    editor = person("Editors")
    client.force_login(editor)
    client.post(reverse("admin:my_work"), {"act": "choose", "mails_at_once": "on"})
    setting = NotificationSetting.objects.get(user=editor)
    assert (setting.mails_digest, setting.mails_at_once) == (False, True)


def test_my_work_asks_as_much_for_thirty_posts_as_for_one(client, django_assert_num_queries):
    editor, reviewer = person("Editors"), person()

    def returned():
        post = PostFactory()
        edit(post, by=editor, intro="Written by a person.")
        turn_down(post, reviewer)

    client.force_login(editor)
    returned()
    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(reverse("admin:my_work"))
    for _ in range(10):
        returned()
    with django_assert_num_queries(len(one)):
        client.get(reverse("admin:my_work"))
