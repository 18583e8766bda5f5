"""The audit trail is append-only in the database, and its chain shows what somebody changed all the same."""

import io
import random
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from posts.audit import chain
from posts.audit.chain import COVERED, Verification, redact, seal_entries, shorten_trail
from posts.audit.log import note_audit
from posts.db.audit_triggers import guards, install_guards
from posts.jobs import registered_jobs
from posts.models import AuditChain, AuditEntry, AuditRedaction, AuditSeal, OutgoingMessage
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def refused(sql, *values):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run(sql, *values)


@pytest.fixture
def unguarded():
    """Lift the triggers, as the owner of the tables can; put them in place again before the verification."""

    def tampered(*statements):
        with connection.cursor() as cursor:
            for guard in guards(connection.vendor):
                on = "" if connection.vendor == "sqlite" else f" ON {guard.table}"
                cursor.execute(f"DROP TRIGGER {guard.name}{on}")
            for statement in statements:
                sql, *values = statement if isinstance(statement, tuple) else (statement,)
                cursor.execute(sql, values)
        install_guards(connection)

    return tampered


def noted(count):
    by = person("Editors")
    return [note_audit("planned", by=by, detail=f"Number {number}") for number in range(count)]


def found():
    return [str(problem) for problem in Verification().problems()]


def test_sql_can_neither_change_nor_delete_an_entry():
    make_post(released=True)
    pk = AuditEntry.objects.latest("pk").pk
    for column, value in [
        ("action", "x"), ("detail", "x"), ("made_by_id", None), ("fingerprint", "x"), ("fingerprint_before", "x"),
        ("made_at", timezone.now()), ("request_id", "x"), ("as_superuser", True), ("id", 10**6), ("post_id", 10**6),
    ]:  # fmt: skip
        refused(f"UPDATE posts_auditentry SET {column} = %s WHERE id = %s", value, pk)
    refused("DELETE FROM posts_auditentry WHERE id = %s", pk)
    seal_entries()
    refused("DELETE FROM posts_auditentry WHERE id = %s", pk)
    assert found() == []


def test_sql_can_neither_change_the_chain_nor_move_its_start():
    noted(3)
    seal_entries()
    refused("UPDATE posts_auditseal SET digest = %s", b"x" * 32)
    refused("UPDATE posts_auditseal SET salt = %s", b"")
    refused("DELETE FROM posts_auditseal")
    refused("DELETE FROM posts_auditchain")
    digest = "(SELECT digest FROM posts_auditseal WHERE sequence = 2)"
    refused(f"UPDATE posts_auditchain SET start_sequence = 2, start_digest = {digest}")
    refused("UPDATE posts_auditchain SET last_sequence = 1")
    refused("INSERT INTO posts_auditredaction (entry_id, act_id, text) VALUES (1, 1, '')")


def test_no_statement_of_an_engine_passes_the_triggers():
    entry = noted(1)[0]
    seal_entries()
    if connection.vendor == "sqlite":
        refused(
            "INSERT OR REPLACE INTO posts_auditentry (id, action, made_at) VALUES (%s, 'x', '2026-01-01')", entry.pk
        )
        refused("REPLACE INTO posts_auditchain SELECT * FROM posts_auditchain")
    else:
        run("SET CONSTRAINTS ALL IMMEDIATE")
        refused("TRUNCATE posts_auditentry")
        refused("TRUNCATE posts_auditseal")
        refused("TRUNCATE posts_post CASCADE")
    assert found() == []


@pytest.mark.once
def test_the_chain_covers_every_column():
    assert {field.attname for field in AuditEntry._meta.concrete_fields} == set(COVERED)


OTHER_COLUMN = "entry {3}: changed: action, person"
MOVED = "CASE sequence WHEN (SELECT sequence FROM posts_auditseal WHERE entry_id = {3}) THEN 9000 ELSE sequence END"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE posts_auditentry SET action = 'x' WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET made_by_id = NULL WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET made_at = '2020-01-01 00:00:00+00:00' WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET fingerprint = 'x' WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET fingerprint_before = 'x' WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET request_id = 'x' WHERE id = {3}", [OTHER_COLUMN]),
        ("UPDATE posts_auditentry SET detail = 'x' WHERE id = {3}", ["entry {3}: changed: detail"]),
        (
            "UPDATE posts_auditentry SET post_id = (SELECT MIN(id) FROM posts_post) WHERE id = {3}",
            ["{3}: changed: post"],
        ),
        ("UPDATE posts_auditentry SET post_id = NULL WHERE id = {0}", ["entry {0}: changed: post"]),
        ("DELETE FROM posts_auditentry WHERE id = {3}", ["entry {3}: missing; it was link"]),
        (
            "INSERT INTO posts_auditentry (id, action, made_at) VALUES (-7, 'x', '2026-01-01 00:00:00+00:00')",
            ["entry -7: inserted"],
        ),
        ("DELETE FROM posts_auditseal WHERE entry_id = {3}", ["missing from the chain", "entry {3}: inserted"]),
        ("DELETE FROM posts_auditseal WHERE entry_id = {9}", ["from the end of the chain", "entry {9}: inserted"]),
        (
            "UPDATE posts_auditseal SET digest = row_digest WHERE entry_id = {3}",
            ["(entry {3}): changed or in another order", "(entry {4}): changed or in another order"],
        ),
        (f"UPDATE posts_auditseal SET sequence = {MOVED}", ["missing from the chain", "links"]),
        ("DELETE FROM posts_auditchain", ["chain: its row is missing"]),
    ],
)
def test_a_changed_missing_inserted_or_reordered_row_is_named(unguarded, statement, says):
    make_post(released=True)
    first = AuditEntry.objects.exclude(post=None).latest("pk")
    pks = [first.pk, *(entry.pk for entry in noted(9))]
    seal_entries()
    assert found() == []
    unguarded(statement.format(*pks))
    problems = found()
    for part in says:
        assert any(part.format(*pks) in problem for problem in problems), problems


def test_entries_whose_links_changed_places_are_named(unguarded):
    pks = [entry.pk for entry in noted(6)]
    seal_entries()
    two, three = AuditSeal.objects.filter(entry_id__in=pks[2:4]).order_by("sequence").values_list("sequence", flat=True)
    swap = "UPDATE posts_auditseal SET sequence = %s WHERE sequence = %s"
    unguarded((swap, 9999, two), (swap, two, three), (swap, three, 9999))
    problems = found()
    assert [problem for problem in problems if "in another order" in problem and f"entry {pks[2]}" in problem]
    assert [problem for problem in problems if "in another order" in problem and f"entry {pks[3]}" in problem]


def test_a_missing_or_weakened_trigger_is_named():
    guard = guards(connection.vendor)[0]
    if connection.vendor == "sqlite":
        run(f"DROP TRIGGER {guard.name}")
    else:
        run(f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    seal_entries()
    assert found() == [f"trigger {guard.name}: missing, switched off or changed. “manage.py migrate” puts it in place"]
    install_guards(connection)
    assert found() == []


def test_the_command_names_what_is_wrong_and_ends_with_an_error(unguarded, capsys):
    pk = noted(3)[1].pk
    call_command("verify_audit")
    assert "entries agree with their chain; the head is" in capsys.readouterr().out
    unguarded(("UPDATE posts_auditentry SET detail = 'Nobody did it' WHERE id = %s", pk))
    with pytest.raises(CommandError, match=r"1 fault\(s\)"):
        call_command("verify_audit")
    assert capsys.readouterr().err == f"entry {pk}: changed: detail.\n"
    assert AuditChain.objects.get().verified_problems == 1


@pytest.mark.parametrize("seed", range(12))
def test_whichever_row_is_tampered_with_it_is_named(unguarded, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(chain, "CHUNK", chance.choice([2, 3, 1000]))
    entries = []
    for _ in range(chance.randrange(1, 5)):
        entries += noted(chance.randrange(1, 6))
        seal_entries()
    if chance.random() < 0.5:
        redact({chance.choice(entries).pk: "without the name"})
        seal_entries()
    assert found() == []
    pk = chance.choice(entries).pk
    column, value = chance.choice([("detail", "x"), ("action", "x"), ("made_by_id", None), ("fingerprint", "f" * 64)])
    acts = [
        (f"UPDATE posts_auditentry SET {column} = %s WHERE id = %s", value, pk),
        ("DELETE FROM posts_auditentry WHERE id = %s", pk),
    ]
    unguarded(chance.choice(acts))
    assert any(problem.startswith(f"entry {pk}: ") for problem in found())


def test_a_chain_that_was_made_again_differs_from_the_head_that_was_kept(unguarded, settings, tmp_path, capsys):
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    settings.WEBHOOK_URLS = ["https://receiver.example/"]
    entry = noted(4)[1]
    registered_jobs()["keep the head of the audit trail"].task.call()
    head = AuditSeal.objects.latest("sequence")
    assert Path(settings.AUDIT_HEAD_FILE).read_text().split()[1:] == [str(head.sequence), head.digest.hex()]
    message = OutgoingMessage.objects.get(kind="webhook", subject="audit.head")
    assert head.digest.hex() in message.body
    call_command("verify_audit")
    # Somebody with all rights changes an entry and seals everything again.
    unguarded(
        ("UPDATE posts_auditentry SET detail = 'x' WHERE id = %s", entry.pk),
        "DELETE FROM posts_auditseal",
        "DELETE FROM posts_auditchain",
    )
    with pytest.raises(CommandError):
        call_command("verify_audit")
    assert f"link {head.sequence}: has another digest than the one that was kept elsewhere" in capsys.readouterr().err
    settings.AUDIT_HEAD_FILE = ""
    call_command("verify_audit")
    with pytest.raises(CommandError):
        call_command("verify_audit", head=[chain.Head(head.sequence, head.digest.hex())])
    with pytest.raises(CommandError, match="can't be read"):
        call_command("verify_audit", heads=str(tmp_path / "none"))


def test_a_redacted_detail_is_gone_and_the_chain_is_whole(unguarded):
    entry = note_audit("rights changed", by=None, detail="anna: is_staff: True")
    seal_entries()
    with transaction.atomic():
        redact({entry.pk: "somebody: is_staff: True"})
    assert AuditEntry.objects.get(pk=entry.pk).detail == "somebody: is_staff: True"
    assert bytes(AuditSeal.objects.get(entry_id=entry.pk).salt) == b""
    seal_entries()
    assert found() == []
    # Again, for a second name; nothing keeps the first text.
    redact({entry.pk: "is_staff: True"})
    seal_entries()
    assert found() == []
    assert AuditRedaction.objects.get().text == "is_staff: True"
    assert "detail replaced" in AuditEntry.objects.values_list("action", flat=True)
    # A redaction that no entry records is a change.
    refused("UPDATE posts_auditredaction SET text = 'x'")
    unguarded(
        "UPDATE posts_auditredaction SET text = 'x'", f"UPDATE posts_auditentry SET detail = 'x' WHERE id = {entry.pk}"
    )
    assert f"entry {entry.pk}: changed: detail" in found()


def test_entries_redacted_before_they_are_sealed_agree(unguarded):
    entry = note_audit("rights changed", by=None, detail="anna: is_staff: True")
    redact({entry.pk: "is_staff: True"})
    seal_entries()
    assert found() == []


def test_only_the_oldest_sealed_part_goes_and_the_chain_goes_on_from_its_end(monkeypatch):
    old = noted(5)
    redact({old[0].pk: "nothing"})
    long_ago = timezone.now() - timedelta(days=400)
    monkeypatch.setattr(chain.timezone, "now", lambda: long_ago)
    seal_entries()
    end = AuditSeal.objects.latest("sequence")
    monkeypatch.undo()
    recent = noted(3)
    seal_entries()
    # The trail keeps three months whatever is asked.
    assert shorten_trail(timedelta(days=500)) == 0
    monkeypatch.setattr(chain, "CHUNK", 2)
    assert shorten_trail(timedelta(days=1)) == end.sequence
    assert not AuditEntry.objects.filter(pk__in=[entry.pk for entry in old]).exists()
    assert AuditEntry.objects.filter(pk__in=[entry.pk for entry in recent]).count() == 3
    assert not AuditRedaction.objects.exists()
    state = AuditChain.objects.get()
    assert (state.start_sequence, bytes(state.start_digest)) == (end.sequence, bytes(end.digest))
    assert end.digest.hex() in AuditEntry.objects.filter(action="audit trail shortened").first().detail
    seal_entries()
    assert found() == []
    # What was kept elsewhere still leads to it.
    assert not list(Verification(heads=[chain.Head(end.sequence, end.digest.hex())]).problems())
    assert shorten_trail(timedelta(days=1)) == 0
    refused("DELETE FROM posts_auditentry WHERE id = %s", recent[0].pk)


def test_the_job_removes_nothing_unless_a_setting_says_so(settings, monkeypatch):
    noted(3)
    long_ago = timezone.now() - timedelta(days=400)
    monkeypatch.setattr(chain.timezone, "now", lambda: long_ago)
    seal_entries()
    monkeypatch.undo()
    count = AuditEntry.objects.count()
    registered_jobs()["shorten the audit trail"].task.call()
    assert AuditEntry.objects.count() == count
    settings.AUDIT_KEPT_DAYS = 365
    registered_jobs()["shorten the audit trail"].task.call()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["audit trail shortened"]


def test_an_entry_forgets_no_post_that_is_there():
    post = make_post(released=True)
    seal_entries()
    entries = list(AuditEntry.objects.filter(post=post).values_list("pk", flat=True))
    run("UPDATE posts_auditentry SET post_id = NULL, revision_id = NULL WHERE post_id = %s", post.pk)
    assert {problem.split(":")[0] for problem in found()} == {f"entry {pk}" for pk in entries}


def test_the_weekly_job_fails_and_names_the_entry(unguarded):
    pk = noted(2)[0].pk
    registered_jobs()["verify the audit trail"].task.call()
    assert AuditChain.objects.get().verified_at
    unguarded(("DELETE FROM posts_auditentry WHERE id = %s", pk))
    with pytest.raises(RuntimeError, match=f"entry {pk}: missing"):
        registered_jobs()["verify the audit trail"].task.call()


def test_verification_asks_as_much_for_each_thousand_entries(monkeypatch):
    noted(3)
    seal_entries()
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert found() == []
    noted(60)
    seal_entries()
    with CaptureQueriesContext(connection) as many:
        assert found() == []
    assert len(many) == len(few)


def test_the_list_says_up_to_where_the_trail_is_sealed(admin_client):
    page = "/admin/posts/auditentry/"
    assert "No entry is sealed yet" in admin_client.get(page).text
    noted(2)
    seal_entries()
    assert "never verified" in admin_client.get(page).text
    call_command("verify_audit", stdout=io.StringIO())
    shown = admin_client.get(page).text
    assert "Sealed up to" in shown and "Every entry agreed with it" in shown
    AuditChain.objects.update(verified_problems=2)
    assert "2 faults" in admin_client.get(page).text


@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_no_entry_is_skipped_while_writers_overlap():
    """Writers take numbers in one order and commit in another, while the job seals."""
    by = person("Editors")
    failures = []

    def write(seed):
        chance = random.Random(seed)
        try:
            for number in range(25):
                with transaction.atomic():
                    note_audit("planned", by=by, detail=f"{seed} {number}")
                    # Another writer commits a larger number meanwhile.
                    barrier.wait()
                    if chance.random() < 0.2:
                        transaction.set_rollback(True)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    def seal():
        try:
            while not done.is_set():
                seal_entries()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    barrier, done = threading.Barrier(4), threading.Event()
    writers = [threading.Thread(target=write, args=[seed]) for seed in range(4)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in [*sealers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    assert not failures
    seal_entries()
    assert found() == []
    assert set(AuditSeal.objects.values_list("entry_id", flat=True)) == set(
        AuditEntry.objects.values_list("pk", flat=True)
    )
    assert AuditChain.objects.get().settled_id == AuditEntry.objects.latest("pk").pk


@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_an_entry_that_commits_late_is_sealed_and_not_called_inserted():
    written, commit = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            note_audit("planned", by=None, detail="early number, late commit")
            written.set()
            commit.wait()
        connection.close()

    slow = threading.Thread(target=write)
    slow.start()
    written.wait()
    later = note_audit("planned", by=None, detail="later number, early commit")
    for _ in range(3):
        seal_entries()
        assert AuditChain.objects.get().settled_id < later.pk
    assert AuditSeal.objects.filter(entry_id=later.pk).exists()
    assert found() == []
    commit.set()
    slow.join()
    late = AuditEntry.objects.get(detail="early number, late commit")
    assert late.pk < later.pk
    seal_entries()
    assert AuditSeal.objects.get(entry_id=late.pk).sequence > AuditSeal.objects.get(entry_id=later.pk).sequence
    assert AuditChain.objects.get().settled_id == later.pk
    assert found() == []
