"""The API for generators: tokens, posts one by one and in files, the same answer to the same request, and limits."""

import datetime
import gzip
import io
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.diff.anchors import anchor_at
from posts.importing import pipeline, tokens
from posts.importing.answered_once import KEPT, forget_old_answers
from posts.importing.backlog import room_of
from posts.importing.generators import save_generator
from posts.importing.plan import locked_post
from posts.importing.push import push_record
from posts.importing.tasks import continue_imports
from posts.importing.tokens import create_token, revoke_token, take_request
from posts.jobs import run_waiting_jobs
from posts.models import ApiToken, AuditEntry, Generator, ImportBatch, ImportIssue, OutgoingMessage, Post, PushAnswer
from posts.operations import NotAllowed, Refused, undo_decision
from posts.operations.remarks import add_remark
from posts.records.schema import MAX_RECORD_BYTES
from tests.factories import RecordFactory, approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db

IMPORTS = "/api/v1/imports"
DECISIONS = "/api/v1/decisions"


class Sender:
    """A generator with a token, and what its program sends."""

    def __init__(self, name="penwright 3", *, kind="trained_model", backlog=None, **columns):
        self.staff = person("Staff")
        self.generator = save_generator(Generator(name=name, kind=kind, backlog_limit=backlog), by=self.staff)
        self.client = Client()
        self.renew(**columns)

    def renew(self, **columns):
        columns = {"may_read_decisions": True, "may_roll_back": True} | columns
        self.token = ApiToken(generator=self.generator, label="nightly run", **columns)
        self.secret = create_token(self.token, by=self.staff)

    def ask(self, method, address, body=b"", *, kind="application/json", **headers):
        headers = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        headers = {"HTTP_AUTHORIZATION": f"Bearer {self.secret}"} | headers
        return self.client.generic(method, address, body, kind, **headers)

    def put(self, record, source_id=None, **headers):
        body = record if isinstance(record, bytes) else json.dumps(record).encode()
        return self.ask("PUT", f"/api/v1/posts/{source_id or record['source_id']}", body, **headers)

    def send(self, *records, query="", **headers):
        body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        return self.ask("POST", IMPORTS + query, body, kind="application/x-ndjson", **headers)

    def address(self, answer):
        return answer.json()["url"].removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def sender(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    return Sender()


def is_problem(answer, status, *words):
    """Fail unless an answer is a problem with this status that says these words."""
    content = json.loads(answer.content)
    assert answer.status_code == content["status"] == status, content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert all(word in content["detail"] for word in words), content
    return content


# Tokens


def test_a_token_is_shown_once_and_only_its_digest_is_stored(sender):
    assert re.fullmatch(r"alphanode_[\w-]{43}", sender.secret)
    stored = repr(list(ApiToken.objects.values())) + repr(list(AuditEntry.objects.values()))
    assert sender.secret not in stored and sender.secret[:14] in stored
    assert AuditEntry.objects.get(action="token created").made_by == sender.staff


def test_only_staff_create_and_revoke_tokens(sender):
    for by in (person("Reviewers"), person("Editors"), None):
        with pytest.raises(NotAllowed):
            create_token(ApiToken(generator=sender.generator, label="x"), by=by)
        with pytest.raises(NotAllowed):
            revoke_token(sender.token, by=by)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": " "}, "Say in the label"),
        ({"may_import": False}, "what the token may do"),
        ({"requests_per_minute": 0}, "at least one request"),
        ({"expires_at": timezone.now() - datetime.timedelta(days=1)}, "expired already"),
    ],
)
def test_a_token_without_use_is_refused(sender, columns, words):
    with pytest.raises(Refused, match=words):
        create_token(ApiToken(generator=sender.generator, **({"label": "x"} | columns)), by=sender.staff)


def test_the_last_day_of_the_calendar_is_refused_as_the_last_day_of_a_token(sender, client):
    client.force_login(sender.staff)
    form = {"act": "create-token", "token-label": "x", "token-may_import": "on", "token-requests_per_minute": "5"}
    address = reverse("admin:posts_generator_change", args=[sender.generator.pk])
    before = ApiToken.objects.count()
    answer = client.post(address, form | {"token-last_day": "9999-12-31"}, follow=True)
    assert "The last day is too late" in answer.content.decode()
    assert ApiToken.objects.count() == before
    client.post(address, form | {"token-last_day": "9999-12-30"})
    assert ApiToken.objects.count() == before + 1


def test_without_a_valid_token_nothing_is_told_and_nothing_read(sender, settings):
    record = RecordFactory()
    good = sender.secret
    for header in ("", "Bearer", "Bearer x", f"Basic {good}", f"Bearer {good}x", f"Bearer {good[:-1]}", "Bearer \x00é"):
        for method, address in [("PUT", "/api/v1/posts/a"), ("POST", IMPORTS), ("GET", DECISIONS)]:
            answer = sender.ask(method, address, json.dumps(record).encode(), authorization=header)
            is_problem(answer, 401, "Send the token")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    sender.token.expires_at = timezone.now() - datetime.timedelta(seconds=1)
    sender.token.save()
    is_problem(sender.put(record), 401)
    sender.renew()
    revoke_token(sender.token, by=sender.staff)
    is_problem(sender.put(record), 401)
    assert not Post.objects.exists()


def test_a_token_may_only_do_what_it_was_made_for(sender):
    sender.renew(may_import=False, may_roll_back=False)
    is_problem(sender.put(RecordFactory()), 403, "may not send posts")
    is_problem(sender.send(RecordFactory()), 403)
    is_problem(sender.ask("POST", f"{IMPORTS}/1/rollback"), 403, "may not roll back")
    assert sender.ask("GET", DECISIONS).status_code == 200
    sender.renew(may_read_decisions=False)
    is_problem(sender.ask("GET", DECISIONS), 403, "may not read decisions")


def test_a_token_opens_nothing_else(sender, client):
    post = make_post()
    for address in (
        reverse("admin:index"),
        reverse("admin:posts_post_change", args=[post.pk]),
        reverse("admin:review", args=[post.pk]),
    ):
        answer = sender.ask("GET", address)
        assert answer.status_code == 302 and "login" in answer.headers["Location"]
    assert sender.ask("POST", reverse("admin:posts_post_act", args=[post.pk, "decide"])).status_code in (302, 403)


def test_processes_together_never_take_more_than_the_limit_of_a_token(sender, monkeypatch):
    sender.renew(requests_per_minute=130)
    processes = [tokens._Leases() for _ in range(3)]
    now = 1_000_000 * 60.0
    taken = sum(processes[number % 3].take(sender.token, now + number / 10).is_taken for number in range(400))
    assert taken == 130
    assert not processes[0].take(sender.token, now + 59).is_taken
    allowance = processes[0].take(sender.token, now + 60)
    assert allowance.is_taken and allowance.left == 129 and allowance.seconds == 60


def test_a_request_over_the_limit_is_told_when_to_come_again_and_few_requests_write(
    sender, monkeypatch, django_assert_num_queries
):
    sender.renew(requests_per_minute=100)
    monkeypatch.setattr(time, "time", lambda: 2_000_000 * 60 + 13.0)
    answer = sender.ask("GET", DECISIONS)
    assert answer.headers["RateLimit"] == '"token";r=99;t=47'
    assert answer.headers["RateLimit-Policy"] == '"token";q=100;w=60'
    with django_assert_num_queries(0):
        take_request(sender.token)
    for _ in range(98):
        take_request(sender.token)
    answer = sender.ask("GET", DECISIONS)
    is_problem(answer, 429, "100 requests a minute")
    assert answer.headers["Retry-After"] == "47" and "r=0" in answer.headers["RateLimit"]
    assert ApiToken.objects.get(pk=sender.token.pk).last_used_at.timestamp() == 2_000_000 * 60


# One post


def test_a_post_is_created_then_updated_and_each_answer_says_so(sender, client):
    record = RecordFactory(source_id="https://old.example/a b?c", payload={"generator": "somebody else"})
    address = "https%3A%2F%2Fold.example%2Fa%20b%3Fc"
    made = sender.put(record, address)
    assert (made.status_code, made.json()["outcome"]) == (201, "created")
    post = Post.objects.get()
    assert made.headers["ETag"] == f'"{post.head_revision.fingerprint}"'
    assert (post.known_generator, post.head_revision.status) == (sender.generator, "drafted")
    assert (post.first_batch.token, post.first_batch.origin) == (sender.token, "trained_model")
    again = sender.put(record, address)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    changed = sender.put({**record, "summary": "Another one."}, address, if_match=made.headers["ETag"])
    assert (changed.status_code, changed.json()["outcome"]) == (200, "updated")
    assert changed.json()["version"] == "1.0.1"
    status = sender.ask("GET", changed.json()["import"].removeprefix("http://127.0.0.1:8000")).json()
    assert (status["state"], status["counts"]["updated"]) == ("finished", 1)
    assert "trained model" in client.get(post.get_absolute_url()).content.decode()


def test_the_address_names_the_post_if_the_record_does_not(sender):
    record = RecordFactory()
    del record["source_id"]
    assert sender.put(record, "a-1").status_code == 201
    assert Post.objects.get().source_id == "a-1"
    content = is_problem(sender.put({**record, "source_id": "b"}, "a-1"), 422)
    assert content["errors"][0]["pointer"] == "/source_id"
    is_problem(sender.put(b"{}", "x"), 422)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("a%00b", 422),
        ("a%0Ab", 404),
        ("%20a", 422),
        ("x" * 201, 422),
        ("%E2%80%AE", 422),
        ("%FF", 201),
        ("a%CC%88", 201),
        ("..%2F..%2Fetc", 201),
        ("9" * 200, 201),
    ],
)
def test_an_odd_identity_is_refused_or_stored_as_a_record_has_it(sender, address, status):
    record = {"title": "T", "body": "B"}
    answer = sender.put(record, address)
    assert answer.status_code == status, answer.content
    if status == 201:
        assert sender.put(record, address).json() == answer.json() | {
            "outcome": "unchanged",
            "import": f"http://127.0.0.1:8000{IMPORTS}/{ImportBatch.objects.latest('pk').pk}",
        }


def test_what_people_changed_is_never_overwritten(sender):
    record = RecordFactory()
    tag = sender.put(record).headers["ETag"]
    edit(Post.objects.get(), summary="By a person.")
    answer = sender.put({**record, "summary": "By a machine."}, if_match=tag)
    is_problem(answer, 412)
    assert not ImportIssue.objects.exists() and ImportBatch.objects.count() == 1
    answer = sender.put({**record, "summary": "By a machine."})
    assert (answer.status_code, answer.json()["outcome"]) == (202, "conflict")
    assert Post.objects.get().summary == "By a person."
    assert ImportIssue.objects.get().kind == "conflict"


def test_a_condition_decides_before_anything_is_stored(sender):
    record = RecordFactory()
    is_problem(sender.put(record, if_match="*"), 412)
    assert sender.put(record, if_none_match="*").status_code == 201
    is_problem(sender.put({**record, "summary": "x"}, if_none_match="*"), 412)
    is_problem(sender.put(record, if_match='"nonsense"'), 400, "If-Match must be")
    assert sender.put({**record, "summary": "x"}, if_match="*").status_code == 200
    assert ImportBatch.objects.count() == 2


@pytest.mark.parametrize(("headers", "status"), [({"if_none_match": "*"}, 412), ({}, 200)])
def test_a_post_that_another_request_creates_meanwhile_is_not_created_again(sender, monkeypatch, headers, status):
    record = RecordFactory()
    assert sender.put({**record, "summary": "First."}).status_code == 201
    looks = []

    def looked_early(source_id):
        looks.append(source_id)
        # At first the other request has not committed yet.
        return locked_post(source_id) if looks[1:] else None

    monkeypatch.setattr("posts.importing.push.locked_post", looked_early)
    answer = sender.put(record, **headers)
    assert answer.status_code == status, answer.content
    assert len(looks) == 2 and Post.objects.count() == 1
    assert ImportBatch.objects.count() == (1 if status == 412 else 2)


def test_receivers_are_told_of_files_and_not_of_each_single_post(sender, settings):
    settings.WEBHOOK_URLS = ["https://receiver.example/hook"]
    sender.put(RecordFactory())
    assert not OutgoingMessage.objects.exists()
    sender.send(RecordFactory())
    run_waiting_jobs()
    assert OutgoingMessage.objects.get().subject == "import.finished"


def test_a_refused_record_leaves_nothing_and_is_told_by_json_pointer(sender):
    answer = sender.put(RecordFactory(title="", score={"quality": 200}))
    content = is_problem(answer, 422)
    assert {error["pointer"] for error in content["errors"]} == {"/title", "/score/quality"}
    assert not (Post.objects.exists() or ImportBatch.objects.exists() or ImportIssue.objects.exists())
    is_problem(sender.put(b"[1]", "a"), 422)
    is_problem(sender.put(b"{", "a"), 400, "not JSON")


def test_posts_of_others_are_out_of_reach(sender):
    typed = make_post()
    other = Sender("other")
    theirs = RecordFactory()
    other.put(theirs)
    for source_id in (typed.source_id, theirs["source_id"]):
        is_problem(sender.put(RecordFactory(source_id=source_id)), 403, "did not come from penwright 3")
    sender.send(RecordFactory(source_id=typed.source_id), RecordFactory())
    run_waiting_jobs()
    batch = ImportBatch.objects.latest("pk")
    assert (batch.created, batch.refused) == (1, 1)
    assert "did not come from penwright 3" in batch.issues.get().problems[0][1]
    assert fresh(typed).title == typed.title
    number = ImportBatch.objects.filter(generator=other.generator).get().pk
    for method, part in [("GET", ""), ("POST", "/cancel"), ("POST", "/rollback")]:
        is_problem(sender.ask(method, f"{IMPORTS}/{number}{part}"), 404)


def test_a_packed_record_is_unpacked_up_to_the_largest_one(sender):
    record = RecordFactory()
    packed = gzip.compress(json.dumps(record).encode())
    assert sender.put(packed, record["source_id"], content_encoding="gzip").status_code == 201
    bomb = gzip.compress(b"x" * (MAX_RECORD_BYTES + 1))
    is_problem(sender.put(bomb, "a", content_encoding="gzip"), 413)
    is_problem(sender.put(packed[:-9], "a", content_encoding="gzip"), 400)
    is_problem(sender.put(b"{}", "a", content_encoding="gzip"), 400)
    is_problem(sender.put(b"{}", "a", content_encoding="br"), 415)


# The same answer to the same request


def test_a_request_sent_again_with_its_key_changes_nothing_and_gets_the_first_answer(sender):
    record = RecordFactory()
    first = sender.put(record, idempotency_key='"k-1"')
    sender.put({**record, "summary": "Another."})
    again = sender.put(record, idempotency_key="k-1")
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    assert Post.objects.get().summary == "Another."
    is_problem(sender.put({**record, "summary": "x"}, idempotency_key="k-1"), 422, "another request")
    is_problem(sender.put(record, if_match="*", idempotency_key="k-1"), 422)
    refused = sender.put(RecordFactory(title=""), idempotency_key="k-2")
    assert refused.status_code == 422 and PushAnswer.objects.filter(key="k-2", status=422).exists()
    # Another generator has keys of its own.
    assert Sender("other").put(RecordFactory(), idempotency_key="k-1").status_code == 201


def test_a_file_sent_again_with_its_key_is_imported_once_and_stored_once(sender, settings, tmp_path):
    records = [RecordFactory(), RecordFactory()]
    first, again = (sender.send(*records, idempotency_key="k-1") for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.content == again.content and first.headers["Location"] == again.headers["Location"]
    assert ImportBatch.objects.count() == 1
    assert len(list((tmp_path / "uploads").iterdir())) == 1
    is_problem(sender.send(RecordFactory(), idempotency_key="k-1"), 422)
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_a_key_in_flight_is_refused_for_now(sender, monkeypatch):
    record, answers = RecordFactory(), []
    push = push_record

    def slow_push(*arguments, **options):
        # The client lost patience and sends the same again.
        monkeypatch.setattr("posts.importing.answered_once.transaction_lock", lambda name, **options: False)
        answers.append(sender.put(record, idempotency_key="k-1"))
        return push(*arguments, **options)

    monkeypatch.setattr("posts.public.api.push.push_record", slow_push)
    assert sender.put(record, idempotency_key="k-1").status_code == 201
    is_problem(answers[0], 409, "is being carried out")
    assert answers[0].headers["Retry-After"] == "1" and Post.objects.count() == 1


def test_old_answers_are_forgotten_after_two_days(sender):
    sender.put(RecordFactory(), idempotency_key="old")
    PushAnswer.objects.update(made_at=timezone.now() - KEPT - datetime.timedelta(minutes=1))
    sender.put(RecordFactory(), idempotency_key="new")
    forget_old_answers()
    assert PushAnswer.objects.get().key == "new"
    assert datetime.timedelta(hours=24) <= KEPT


# Files


def test_a_file_is_imported_by_a_worker_and_its_sender_follows_it(sender):
    bad = RecordFactory(title="")
    answer = sender.send(RecordFactory(), bad, RecordFactory(), query="?name=Night&only_new=true")
    assert answer.status_code == 202 and answer.headers["Location"] == answer.json()["url"]
    assert (answer.json()["state"], answer.json()["name"]) == ("waiting", "Night")
    run_waiting_jobs()
    status = sender.ask("GET", sender.address(answer)).json()
    assert status["state"] == "finished" and status["finished_at"]
    assert (status["counts"]["created"], status["counts"]["refused"], status["rows"]) == (2, 1, 3)
    (issue,) = status["issues"]
    assert (issue["kind"], issue["line"], issue["problems"][0]["pointer"]) == ("refused", 2, "/title")
    assert status["next"] is None
    assert set(Post.objects.values_list("known_generator", flat=True)) == {sender.generator.pk}


def test_refused_rows_come_in_pages(sender):
    answer = sender.send(*(RecordFactory(title="") for _ in range(5)))
    run_waiting_jobs()
    address, lines = sender.address(answer) + "?limit=2", []
    while address:
        status = sender.ask("GET", address).json()
        lines += [issue["line"] for issue in status["issues"]]
        address = status["next"] and status["next"].removeprefix("http://127.0.0.1:8000")
    assert lines == [1, 2, 3, 4, 5]


# Without a time of its own, the packed text is the same in every process that collects this test.
@pytest.mark.parametrize(
    "body", [b"", b"hello", b"<xml/>", gzip.compress(b"hello", mtime=0), gzip.compress(b"{}", mtime=0)[:-4]]
)
def test_a_body_that_is_no_file_of_records_is_refused_and_not_kept(sender, tmp_path, body):
    is_problem(sender.ask("POST", IMPORTS, body), 422)
    assert not list((tmp_path / "uploads").iterdir()) and not ImportBatch.objects.exists()


def test_packed_files_and_single_records_are_files_too(sender):
    packed = gzip.compress(json.dumps(RecordFactory()).encode())
    assert sender.ask("POST", IMPORTS, packed, content_encoding="gzip").status_code == 202
    assert sender.ask("POST", IMPORTS, json.dumps(RecordFactory(), indent=2).encode()).status_code == 202
    run_waiting_jobs()
    assert Post.objects.count() == 2


class Endless:
    """A body of which at most a piece is ever in memory, and that breaks off or is longer than it said."""

    def __init__(self, size, line=b'{"source_id": "a"}\n'):
        self.left, self.line, self.most = size, line, 0

    def read(self, size=-1):
        self.most = max(self.most, size)
        piece = (self.line * (size // len(self.line) + 1))[: min(size, self.left)]
        self.left -= len(piece)
        return piece

    readline = read

    def close(self):
        pass


def test_a_large_file_passes_in_small_pieces_and_one_that_breaks_off_is_not_kept(sender, tmp_path):
    size = 30 * 1024 * 1024
    own = {"HTTP_AUTHORIZATION": f"Bearer {sender.secret}", "CONTENT_LENGTH": str(size)}
    body = Endless(size)
    answer = sender.client.generic("POST", IMPORTS, b"", **own | {"wsgi.input": body})
    assert answer.status_code == 202 and body.left == 0 and body.most <= 256 * 1024
    (file,) = (tmp_path / "uploads").iterdir()
    assert file.stat().st_size == size
    answer = sender.client.generic("POST", IMPORTS, b"", **own | {"wsgi.input": Endless(size - 1)})
    is_problem(answer, 400, "ended early")
    own["CONTENT_LENGTH"] = str(1024**3 + 1)
    is_problem(sender.client.generic("POST", IMPORTS, b"", **own | {"wsgi.input": Endless(9)}), 413, "1,024 MB")
    assert list((tmp_path / "uploads").iterdir()) == [file]


def test_a_body_without_a_length_is_read_if_the_server_ends_it(sender):
    lines = json.dumps(RecordFactory()).encode()
    extra = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    client = sender.client
    own = {"HTTP_AUTHORIZATION": f"Bearer {sender.secret}", **extra}
    is_problem(client.generic("POST", IMPORTS, b"", "application/json", **own), 411)
    own |= {"wsgi.input": io.BytesIO(lines), "wsgi.input_terminated": True}
    assert client.generic("POST", IMPORTS, b"", "application/json", **own).status_code == 202


def test_an_import_that_waits_is_cancelled_and_does_not_begin_until_staff_continue_it(sender, client):
    answer = sender.send(RecordFactory())
    status = sender.ask("POST", f"{sender.address(answer)}/cancel")
    assert (status.status_code, status.json()["state"]) == (202, "stopped")
    run_waiting_jobs()
    assert not Post.objects.exists()
    client.force_login(sender.staff)
    number = status.json()["id"]
    client.post(reverse("admin:posts_importbatch_act", args=[number, "start"]))
    run_waiting_jobs()
    assert Post.objects.exists()
    is_problem(sender.ask("POST", f"{IMPORTS}/{number}/cancel"), 409, "finished")


def test_a_sender_rolls_its_own_import_back(sender):
    answer = sender.send(RecordFactory(), RecordFactory())
    is_problem(sender.ask("POST", f"{sender.address(answer)}/rollback"), 409, "Cancel it first")
    run_waiting_jobs()
    status = sender.ask("POST", f"{sender.address(answer)}/rollback")
    assert status.status_code == 202
    run_waiting_jobs()
    assert sender.ask("GET", sender.address(answer)).json()["state"] == "rolled_back"
    assert not Post.objects.filter(withdrawn_at=None).exists()
    assert sender.ask("POST", f"{sender.address(answer)}/rollback").status_code == 202


# Limits of what people can review


def test_a_generator_whose_posts_nobody_has_reviewed_waits(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    sender = Sender(backlog=2)
    first, second = RecordFactory(), RecordFactory()
    sender.put(first)
    sender.put(second)
    answer = sender.put(RecordFactory(), idempotency_key="k")
    is_problem(answer, 429, "2 posts of penwright 3 are pending review", "its limit is 2")
    assert int(answer.headers["Retry-After"]) > 0
    is_problem(sender.send(RecordFactory()), 429)
    assert not list((tmp_path / "uploads").iterdir())
    # A better text of a post that is pending makes no more work.
    assert sender.put({**first, "summary": "Better."}).status_code == 200
    approve(Post.objects.get(source_id=second["source_id"]))
    assert sender.put(RecordFactory(), idempotency_key="k").status_code == 201


def test_a_large_import_stops_at_the_limit_and_continues_when_people_have_reviewed(sender, monkeypatch, settings):
    settings.WEBHOOK_URLS = ["https://receiver.example/hook"]
    monkeypatch.setattr("posts.importing.pipeline.CHUNK_ROWS", {"sqlite": 2, "postgresql": 2})
    records = [RecordFactory() for _ in range(9)]
    answer = sender.send(*records)
    Generator.objects.update(backlog_limit=3)
    run_waiting_jobs()
    status = sender.ask("GET", sender.address(answer)).json()
    assert status["state"] == "stopped" and status["message"].startswith("Waits for reviewers")
    assert Post.objects.count() == 3
    # It waits; nothing failed, and no receiver is told that.
    assert not OutgoingMessage.objects.filter(subject="import.failed").exists()
    continue_imports.call()
    run_waiting_jobs()
    assert Post.objects.count() == 3
    Generator.objects.update(backlog_limit=None)
    continue_imports.call()
    run_waiting_jobs()
    assert Post.objects.count() == 9
    assert sender.ask("GET", sender.address(answer)).json()["state"] == "finished"


def test_files_sent_together_bring_no_more_posts_than_people_can_review(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    sender = Sender(backlog=3)
    files = [[RecordFactory(), RecordFactory()] for _ in range(3)]
    answers = [sender.send(*records) for records in files]
    run_waiting_jobs()
    assert sender.generator.posts.waiting().count() == 3
    states = [sender.ask("GET", sender.address(answer)).json() for answer in answers]
    assert [status["state"] for status in states] == ["finished", "stopped", "stopped"]
    assert states[2]["message"].startswith("Waits for reviewers, after line 0.")
    for post in Post.objects.all():
        approve(post)
    continue_imports.call()
    run_waiting_jobs()
    assert Post.objects.count() == 6
    assert all(sender.ask("GET", sender.address(answer)).json()["state"] == "finished" for answer in answers)


def test_known_posts_in_a_file_take_no_room_from_new_ones(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    sender = Sender(backlog=4)
    known = [RecordFactory() for _ in range(3)]
    for record in known:
        sender.put(record)
    sender.send(*known, RecordFactory(), RecordFactory())
    run_waiting_jobs()
    assert sender.generator.posts.waiting().count() == 4
    assert ImportBatch.objects.latest("pk").unchanged == 3


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_bring_no_more_posts_than_people_can_review(monkeypatch):
    sender, records = Sender(backlog=2), [RecordFactory() for _ in range(5)]
    looked, gate = threading.local(), threading.Barrier(len(records))

    def room_at_first(generator):
        room = room_of(generator)
        # On PostgreSQL all have looked before the first one writes; on SQLite one transaction waits for the other.
        if connection.vendor == "postgresql" and not hasattr(looked, "room"):
            looked.room = room
            gate.wait()
        return room

    monkeypatch.setattr("posts.importing.backlog.room_of", room_at_first)

    def put(record):
        try:
            return sender.put(record).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(records)) as pool:
        assert sorted(pool.map(put, records)) == [201, 201, 429, 429, 429]
    assert sender.generator.posts.waiting().count() == 2


def test_a_file_waits_if_others_have_taken_its_room_since_it_was_read(monkeypatch, settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    sender = Sender(backlog=2)
    answer = sender.send(RecordFactory(), RecordFactory())
    known = pipeline.known_line_hashes

    def others_first(rows):
        if not Post.objects.exists():
            assert sender.put(RecordFactory()).status_code == 201
        return known(rows)

    monkeypatch.setattr(pipeline, "known_line_hashes", others_first)
    run_waiting_jobs()
    assert sender.ask("GET", sender.address(answer)).json()["state"] == "stopped"
    assert sender.generator.posts.waiting().count() == 1
    continue_imports.call()
    run_waiting_jobs()
    assert sender.generator.posts.waiting().count() == 2


def test_waiting_imports_of_one_generator_hold_up_no_other(sender, monkeypatch):
    monkeypatch.setattr("posts.importing.tasks.CONTINUED", 2)
    other = Sender("other")
    for _ in range(3):
        sender.send(RecordFactory())
    other.send(RecordFactory())
    Generator.objects.update(backlog_limit=0)
    run_waiting_jobs()
    assert not Post.objects.exists()
    Generator.objects.filter(pk=other.generator.pk).update(backlog_limit=1)
    continue_imports.call()
    run_waiting_jobs()
    assert Post.objects.get().known_generator == other.generator


# Decisions


def test_a_decision_comes_with_the_remarks_on_its_text(sender):
    record = RecordFactory()
    sender.put(record)
    head = fresh(Post.objects.get(source_id=record["source_id"])).head_revision
    words = anchor_at(head.snapshot, "title", 1)
    add_remark(head, words, by=person(), comment="Shorter.", suggestion="Retries")
    approve(head.post)
    (remark,) = sender.ask("GET", DECISIONS).json()["decisions"][0]["remarks"]
    assert (remark["path"], remark["suggestion"]) == ("/title/1", "Retries")


def test_decisions_come_in_order_and_what_was_undone_comes_again(sender):
    records = [RecordFactory(), RecordFactory()]
    for record in records:
        sender.put(record)
    make_post(released=True)
    reviewer = person()
    first, second = (Post.objects.get(source_id=record["source_id"]) for record in records)
    approve(first, by=reviewer)
    approve(second, by=reviewer)
    undo_decision(second.head_revision.reviews.get(), by=reviewer)
    page = sender.ask("GET", f"{DECISIONS}?limit=2").json()
    assert page["has_more"] and [row["event"] for row in page["decisions"]] == ["made", "made"]
    assert [row["source_id"] for row in page["decisions"]] == [record["source_id"] for record in records]
    assert page["decisions"][0]["fingerprint"] == first.head_revision.fingerprint
    assert page["decisions"][0]["outcome"] == "approved" and "reviewer" not in page["decisions"][0]
    rest = sender.ask("GET", page["next"].removeprefix("http://127.0.0.1:8000")).json()
    assert [row["event"] for row in rest["decisions"]] == ["undone"] and not rest["has_more"]
    later = sender.ask("GET", rest["next"].removeprefix("http://127.0.0.1:8000")).json()
    assert later["decisions"] == [] and later["next"] == rest["next"]
    is_problem(sender.ask("GET", f"{DECISIONS}?after=-1"), 400)
    assert Sender("other").ask("GET", DECISIONS).json()["decisions"] == []


def test_answers_for_tokens_are_kept_by_no_cache(sender):
    for answer in (sender.ask("GET", DECISIONS), sender.put(RecordFactory()), sender.ask("GET", f"{IMPORTS}/9")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_format_of_a_record_is_open_to_everybody(client):
    answer = client.get("/api/v1/schema")
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.json()["properties"]["title"]
