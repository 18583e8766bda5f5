"""Webhooks: every event arrives, signed, at least once, in order for each post, and only where the operator said."""

import itertools
import json
import random
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from posts.diff.anchors import anchor_at
from posts.importing.tasks import run_import
from posts.models import ImportBatch, OutgoingMessage, Review
from posts.operations import (
    Decision,
    Refused,
    decide,
    flag_post,
    report_problem,
    roll_back,
    undo_decision,
    withdraw_post,
)
from posts.operations.remarks import add_remark
from posts.operations.send_again import send_again
from posts.outbox.send import LIMITS, send_due_messages
from tests.factories import PostFactory, approve, edit, fresh, import_records, make_post, person
from tests.other_sites import THIS_MACHINE, other_site, says

pytestmark = [pytest.mark.django_db, pytest.mark.once]
SECRET, NEW_SECRET = "whsec_" + "a" * 44, "whsec_" + "b" * 44


@pytest.fixture
def receiver(settings):
    """Run a receiver that takes everything, and let the site send to it."""
    with other_site(says(204)) as site:
        send_to(settings, site)
        yield site


def send_to(settings, *sites):
    settings.WEBHOOK_URLS = [f"{site.address}/hook" for site in sites]
    settings.WEBHOOK_SECRETS, settings.OUTGOING_NETWORKS = [SECRET], THIS_MACHINE


def bodies(site):
    return [json.loads(body) for *_, body in site.requests]


def types(site):
    return [body["type"] for body in bodies(site)]


def quiet_post(**values):
    """Return a post whose import told nobody anything."""
    post = make_post(**values)
    OutgoingMessage.objects.all().delete()
    return post


def later(hours):
    """Let the time pass that messages wait for their next attempt."""
    OutgoingMessage.objects.waiting().update(due_at=timezone.now(), made_at=timezone.now() - timedelta(hours=hours))


def turn_down(post, *, by, comment="See there."):
    text = fresh(post).head_revision.fingerprint
    return decide(
        fresh(post), Decision(Review.Outcome.CHANGES_REQUESTED, text, comment=comment, reason_code="facts"), by=by
    )


def test_a_decision_is_told_with_its_reason_and_the_remarks_on_passages(receiver):
    reviewer, post = person(), quiet_post(body="One.\n\nAfter nine retries.")
    words = anchor_at(post.head_revision.snapshot, "body", 2, 6, 18)
    add_remark(post.head_revision, words, by=reviewer, comment="Five.", suggestion="five retries")
    turn_down(post, by=reviewer)
    assert send_due_messages() == 1
    (told,) = bodies(receiver)
    data = told["data"]
    assert (told["type"], data["source_id"], data["outcome"]) == ("decision.made", post.source_id, "changes_requested")
    assert (data["reason"], data["comment"], data["fingerprint"]) == (
        "facts",
        "See there.",
        post.head_revision.fingerprint,
    )
    assert data["remarks"][0]["selector"][0]["exact"] == "nine retries"
    assert data["remarks"][0]["suggestion"] == "five retries"
    assert reviewer.username not in json.dumps(told)


def test_every_step_of_a_post_is_told_in_order(receiver, superuser):
    post = approve(quiet_post())
    edit(post, by=None, intro="Newer.")
    approve(fresh(post))
    roll_back(fresh(post), by=superuser, why="Wrong.")
    flag_post(fresh(post), by=superuser, note="Look.")
    report_problem(fresh(post), reason="facts", note="A secret of a reader", address="192.0.2.1")
    withdraw_post(fresh(post), by=superuser, why="Gone.")
    send_due_messages()
    assert types(receiver) == [
        "decision.made", "post.released", "decision.made", "post.released", "post.rolled_back", "post.flagged",
        "report.received", "post.withdrawn",
    ]  # fmt: skip
    assert all("secret" not in json.dumps(body) for body in bodies(receiver))


def test_an_undone_decision_is_told(receiver):
    reviewer, post = person(), quiet_post()
    undo_decision(turn_down(post, by=reviewer), by=reviewer)
    send_due_messages()
    assert types(receiver) == ["decision.made", "decision.undone"]


def test_an_undone_decision_that_had_released_tells_what_readers_see_now(receiver):
    reviewer, post = person(), quiet_post()
    undo_decision(approve(post, by=reviewer).live_approval, by=reviewer)
    send_due_messages()
    assert types(receiver) == ["decision.made", "post.released", "decision.undone", "post.withdrawn"]
    first = approve(fresh(post), by=reviewer).live_revision
    edit(fresh(post), by=None, intro="Newer.")
    undo_decision(approve(fresh(post), by=reviewer).live_approval, by=reviewer)
    send_due_messages()
    assert types(receiver)[-2:] == ["decision.undone", "post.rolled_back"]
    told = bodies(receiver)[-1]["data"]
    assert (told["fingerprint"], told["version"]) == (first.fingerprint, first.version)


def test_imports_are_told_when_they_end(receiver, tmp_path):
    batch = import_records({"source_id": "a-1", "title": "A", "intro": "B", "body": "C"})
    failed = ImportBatch.objects.create(source_name="b.jsonl", source_path=str(tmp_path / "gone.jsonl"))
    run_import.func(batch_id=failed.pk)
    send_due_messages()
    assert [(body["type"], body["data"]["import"]) for body in bodies(receiver)] == [
        ("import.finished", batch.pk),
        ("import.failed", failed.pk),
    ]


def test_a_receiver_checks_a_message_with_a_library_of_the_standard(receiver):
    turn_down(quiet_post(), by=person())
    send_due_messages()
    _, _, headers, body = receiver.requests[0]
    assert Webhook(SECRET).verify(body, headers)["type"] == "decision.made"
    for changed, sent in ((body + b" ", headers), (body, headers | {"webhook-id": "msg_1"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(changed, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW_SECRET).verify(body, headers)


def test_while_secrets_change_receivers_may_know_the_old_or_the_new_one(receiver, settings):
    settings.WEBHOOK_SECRETS = [NEW_SECRET, SECRET]
    turn_down(quiet_post(), by=person())
    send_due_messages()
    _, _, headers, body = receiver.requests[0]
    for secret in (SECRET, NEW_SECRET):
        assert Webhook(secret).verify(body, headers)


def test_a_receiver_that_was_away_gets_everything_in_order_with_the_same_ids(settings):
    first, second, reviewer = quiet_post(), quiet_post(), person()
    with other_site(says(503, b"away")) as receiver:
        send_to(settings, receiver)
        for post in (first, second, first):
            turn_down(post, by=reviewer)
            edit(post, by=None, intro=f"Newer {post.pk} {timezone.now()}")
        for hours in (1, 20, 70):
            assert send_due_messages() == 0
            later(hours)
        tried = {headers["webhook-id"] for _, _, headers, _ in receiver.requests}
        # Each was tried, and would be again in six hours.
        OutgoingMessage.objects.update(attempts=5, due_at=timezone.now() + timedelta(hours=6))
    with other_site(says(200)) as back:
        send_to(settings, back)
        OutgoingMessage.objects.update(recipient=f"{back.address}/hook")
        send_to(settings, back)
        OutgoingMessage.objects.filter(pk=OutgoingMessage.objects.earliest("pk").pk).update(due_at=timezone.now())
        send_due_messages()
        assert len(back.requests) == 3
        assert tried <= {headers["webhook-id"] for _, _, headers, _ in back.requests}
        told = [body["data"]["fingerprint"] for body in bodies(back) if body["data"]["source_id"] == first.source_id]
        kept = [json.loads(message.body)["data"] for message in OutgoingMessage.objects.order_by("pk")]
        assert told == [data["fingerprint"] for data in kept if data["source_id"] == first.source_id]


def test_a_message_waits_for_the_earlier_one_of_its_post_and_no_other_does(settings):
    first, second, reviewer = quiet_post(), quiet_post(), person()
    with other_site(says(200)) as receiver:
        send_to(settings, receiver)
        turn_down(first, by=reviewer)
        OutgoingMessage.objects.update(due_at=timezone.now() + timedelta(hours=1), attempts=1)
        edit(first, by=None, intro="Newer.")
        turn_down(first, by=reviewer)
        turn_down(second, by=reviewer)
        assert send_due_messages() == 1
        assert bodies(receiver)[0]["data"]["source_id"] == second.source_id


def test_one_silent_receiver_does_not_keep_the_others_waiting(settings):
    with other_site(says(500)) as broken, other_site(says(200)) as working:
        send_to(settings, broken, working)
        for post in [quiet_post() for _ in range(3)]:
            turn_down(post, by=person())
        assert send_due_messages() == 3
    assert (len(broken.requests), len(working.requests)) == (1, 3)


def test_a_message_that_a_receiver_refuses_keeps_no_other_waiting(settings):
    posts = [quiet_post() for _ in range(3)]

    def answers(handler):
        says(400 if len(receiver.requests) == 1 else 204)(handler)

    with other_site(answers) as receiver:
        send_to(settings, receiver)
        for post in posts:
            turn_down(post, by=person())
        assert send_due_messages() == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(400, b"no\nsuch field"), "The receiver answered 400: no such field"),
        (says(302, b"", location="http://127.0.0.1/"), "The receiver answered 302: "),
        (says(410, b"gone"), "The receiver answered 410: gone"),
    ],
)
def test_the_page_of_a_message_shows_what_was_sent_and_what_was_answered(client, superuser, settings, answer, said):
    with other_site(answer) as receiver:
        send_to(settings, receiver)
        turn_down(quiet_post(), by=person())
        send_due_messages()
    message = OutgoingMessage.objects.get()
    assert (message.state, message.last_error) == ("waiting to be tried again", said)
    client.force_login(superuser)
    page = client.get(reverse("admin:posts_outgoingmessage_change", args=[message.pk])).content.decode()
    assert "decision.made" in page and f"{receiver.address}/hook" in page


def test_after_three_days_a_message_is_given_up_and_the_next_of_its_post_goes_on(settings):
    post, reviewer = quiet_post(), person()
    with other_site(says(500)) as receiver:
        send_to(settings, receiver)
        turn_down(post, by=reviewer)
        later(73)
        send_due_messages()
    assert OutgoingMessage.objects.get().state == "given up"
    with other_site(says(200)) as receiver:
        send_to(settings, receiver)
        edit(post, by=None, intro="Newer.")
        turn_down(post, by=reviewer)
        assert send_due_messages() == 1


def test_every_event_arrives_in_the_order_of_its_post_whatever_the_receiver_does(settings, monkeypatch):
    monkeypatch.setattr("posts.outbox.send.LIMITS", replace(LIMITS, seconds=0.2))
    chance, reviewer, posts = random.Random(20261129), person(), [quiet_post() for _ in range(2)]
    moods, arrived = Counter(), []
    next_mood = itertools.cycle(["down", "up", "reset", "up", "slow", "up"])

    def answers(handler):
        mood = next(next_mood)
        moods[mood] += 1
        # On a machine that does much else, the site's patience may end before the body is there.
        if mood == "down" or not receiver.requests[-1][3]:
            return says(503)(handler)
        # It has taken the message, even if nobody hears of it.
        arrived.append(receiver.requests[-1])
        if mood == "reset":
            return handler.connection.close()
        if mood == "slow":
            threading.Event().wait(0.4)
        return says(204)(handler)

    with other_site(answers) as receiver:
        send_to(settings, receiver)
        for number in range(3):
            for post in posts:
                edit(fresh(post), by=None, intro=f"Text {number}.")
                turn_down(post, by=reviewer, comment=str(number))
        for _ in range(200):
            if not OutgoingMessage.objects.waiting().exists():
                break
            later(1)
            # In any order: only the rule for a post keeps its messages apart.
            for message in OutgoingMessage.objects.waiting():
                message.due_at = timezone.now() - timedelta(seconds=chance.randrange(60))
                message.save(update_fields=["due_at"])
            send_due_messages()
    assert len(moods) == 4
    told = {}
    for *_, headers, body in arrived:
        told.setdefault(headers["webhook-id"], json.loads(body)["data"])
    for post in posts:
        assert [one["comment"] for one in told.values() if one["source_id"] == post.source_id] == ["0", "1", "2"]


def test_what_a_receiver_missed_in_three_days_is_sent_again_by_hand_in_order(settings, superuser):
    post, reviewer = quiet_post(), person()
    with other_site(says(503)) as away:
        send_to(settings, away)
        undo_decision(turn_down(post, by=reviewer), by=reviewer)
        for hours in (1, 12, 47, 71):
            later(hours)
            assert send_due_messages() == 0 and OutgoingMessage.objects.waiting().count() == 2
        for _ in range(2):
            later(73)
            send_due_messages()
        assert {message.state for message in OutgoingMessage.objects.all()} == {"given up"}
    with other_site(says(204)) as back:
        send_to(settings, back)
        OutgoingMessage.objects.update(recipient=f"{back.address}/hook")
        send_again(OutgoingMessage.objects.values_list("pk", flat=True), by=superuser)
        send_due_messages()
    assert types(back) == ["decision.made", "decision.undone"]


def test_a_receiver_in_a_private_network_is_refused_when_it_is_called(receiver, settings):
    settings.OUTGOING_NETWORKS = ()
    turn_down(quiet_post(), by=person())
    assert send_due_messages() == 0
    assert receiver.requests == []
    assert "127.0.0.1" in OutgoingMessage.objects.get().last_error


def test_nothing_is_stored_for_an_operation_that_was_refused_or_on_a_site_without_receivers(receiver, settings):
    post = quiet_post()
    with pytest.raises(Refused):
        decide(fresh(post), Decision(Review.Outcome.REJECTED, post.head_revision.fingerprint), by=person())
    assert not OutgoingMessage.objects.exists()
    settings.WEBHOOK_URLS = []
    turn_down(post, by=person())
    PostFactory(released=True)
    assert not OutgoingMessage.objects.exists()


def test_the_command_prints_a_secret_that_libraries_take(capsys):
    call_command("webhook_secret")
    assert Webhook(capsys.readouterr().out.strip())
