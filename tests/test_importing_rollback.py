"""Rolling back an import, its switch for search engines, fixed rows and settled conflicts."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.admin.imports import actions
from posts.importing.conflicts import dismiss_incoming, merge_incoming, take_incoming
from posts.importing.index_switch import follow_batch_switch, switch_batch_index
from posts.importing.repair import leave_row_out, repair_row
from posts.importing.rollback import RollbackPlan, plan_rollback, roll_back_batch
from posts.models import AuditEntry, ImportBatch, ImportIssue, Post, PostTerm, Release, Revision, Term
from posts.operations import HeadMoved, NotAllowed, Refused, record_revision, roll_back
from posts.records.schema import RecordRefused, validate_record
from tests.factories import RecordFactory, approve, import_records, person
from tests.torture.kills import rich_record

pytestmark = pytest.mark.django_db


def post_of(record):
    return Post.objects.with_texts().get(source_id=record["source_id"])


def edit(record, **changes):
    post = post_of(record)
    return record_revision(post, {**post.working_record(), **changes}, by=person("Editors"))


def working_copies(records):
    """Return everything of the records' posts that a roll-back has to restore."""
    return {
        post.source_id: (post.working_record(), post.import_fingerprint, post.last_batch_id, post.withdrawn_at)
        for post in Post.objects.filter(source_id__in=[record["source_id"] for record in records])
    }


def import_over_an_earlier_one(count):
    """Return (batch, old, new): an import that changed `count` posts and created as many, over an earlier one."""
    old = [rich_record(number) for number in range(count)]
    import_records(*old)
    changed = [{**record, "body": f"Changed {at}.", "checklist": ["One"]} for at, record in enumerate(old)]
    new = [rich_record(number) for number in range(1000, 1000 + count)]
    return import_records(*changed, *new), old, new


@pytest.fixture
def imported():
    return import_over_an_earlier_one(10)


def test_a_rollback_withdraws_what_was_created_and_sets_back_what_was_changed(imported, client):
    batch, old, new = imported
    assert plan_rollback(batch) == RollbackPlan(withdraws=10, sets_back=10, keeps=0, were_approved=0)
    batch = roll_back_batch(batch, by=person("Staff"), why="Wrong file.")
    assert {name: batch.rollback[name] for name in ("withdrawn", "set_back", "kept")} == {
        "withdrawn": 10, "set_back": 10, "kept": 0
    }  # fmt: skip
    first = ImportBatch.objects.earliest("pk")
    for record in old:
        post = post_of(record)
        assert post.working_record() == validate_record(record).to_dict()
        assert (post.last_batch_id, post.head_revision.number, post.awaits_review) == (first.pk, 3, True)
        assert post.import_fingerprint == post.head_revision.fingerprint and post.withdrawn_at is None
    for record in new:
        assert client.get(post_of(record).get_absolute_url()).status_code == 410
    assert Revision.objects.count() == 10 + 20 + 10  # nothing was deleted
    assert AuditEntry.objects.filter(action="import rolled back").exists()


def test_what_a_rollback_will_do_is_counted_beyond_the_patience_of_a_page(imported):
    seen = set()

    def note_patience(execute, sql, params, many, context):
        if connection.vendor == "postgresql" and sql.startswith("SELECT"):
            seen.add(connection.connection.execute("SHOW statement_timeout").fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note_patience):
        assert plan_rollback(imported[0]).sets_back == 10
    assert seen == ({"1min"} if connection.vendor == "postgresql" else set())


def test_a_second_rollback_changes_nothing(imported):
    batch, *_ = imported
    roll_back_batch(batch, by=None)
    before = [list(model.objects.order_by("pk").values()) for model in (Post, Revision, Release, ImportIssue)]
    roll_back_batch(batch, by=None)
    assert [list(model.objects.order_by("pk").values()) for model in (Post, Revision, Release, ImportIssue)] == before


def test_a_corrected_file_comes_in_after_a_rollback(imported):
    batch, old, _ = imported
    roll_back_batch(batch, by=None)
    corrected = import_records(*[{**record, "body": "Corrected."} for record in old])
    assert (corrected.updated, corrected.conflict) == (10, 0)


@pytest.mark.parametrize("edits", [1, 200])
def test_a_rollback_keeps_and_lists_what_people_edited_since(edits):
    batch, old, new = import_over_an_earlier_one(110)
    edited = [*old[: edits // 2], *new[: edits - edits // 2]]
    for record in edited:
        edit(record, summary="A person wrote this.")
    before = working_copies(edited)
    assert plan_rollback(batch).keeps == edits
    batch = roll_back_batch(batch, by=None)
    assert (batch.rollback["kept"], batch.rollback["withdrawn"] + batch.rollback["set_back"]) == (edits, 220 - edits)
    assert working_copies(edited) == before
    kept = ImportIssue.objects.filter(kind="kept")
    assert {issue.post.source_id for issue in kept} == {record["source_id"] for record in edited}
    assert "saved 1.0" in kept[0].problems[0][1]


def test_a_rollback_keeps_what_a_later_import_changed(imported):
    batch, old, new = imported
    later = import_records({**old[0], "body": "Later."}, {**new[0], "body": "Later."})
    assert later.updated == 2
    batch = roll_back_batch(batch, by=None)
    assert batch.rollback["kept"] == 2 and post_of(new[0]).body == "Later." and not post_of(new[0]).withdrawn_at
    assert f"Import {later.pk} has since brought" in ImportIssue.objects.filter(kind="kept")[0].problems[0][1]
    # And the later one on top: then everything is back, but the created ones that it had changed.
    roll_back_batch(later, by=None)
    assert post_of(old[0]).body == "Changed 0."


def test_readers_get_the_release_before_where_the_imported_text_was_approved_since(client):
    record, fresh = RecordFactory(body="Old text."), RecordFactory()
    import_records(record)
    approve(post_of(record))
    batch = import_records({**record, "body": "New text."}, fresh)
    approve(post_of(record))
    approve(post_of(fresh))
    assert b"New text." in client.get(post_of(record).get_absolute_url()).content
    assert plan_rollback(batch).were_approved == 2
    batch = roll_back_batch(batch, by=None)
    post = post_of(record)
    assert b"Old text." in client.get(post.get_absolute_url()).content
    assert post.is_indexable and not post.awaits_review
    assert post.live_revision.fingerprint == post.head_revision.fingerprint
    assert post.head_revision.status == "approved"
    assert post_of(fresh).withdrawn_at and batch.rollback["approved_since"] == 2
    assert not PostTerm.objects.filter(post__source_id=fresh["source_id"]).exists()
    assert ImportIssue.objects.filter(kind="set_back").count() == 2
    with pytest.raises(Refused):
        roll_back(post, by=None)


def test_a_post_that_was_first_approved_with_the_imports_text_is_withdrawn():
    record = RecordFactory(body="Old text.")
    import_records(record)
    batch = import_records({**record, "body": "New text."})
    approve(post_of(record))
    roll_back_batch(batch, by=None)
    post = post_of(record)
    assert post.withdrawn_at and post.body == "Old text." and not post.is_indexable


def test_the_command_says_in_numbers_what_it_will_do_and_does_it(imported, capsys):
    batch, old, _ = imported
    edit(old[0], summary="Mine.")
    call_command("roll_back_import", str(batch.pk), "--dry-run")
    assert "Would withdraw 10 created posts, sets 9 back" in capsys.readouterr().out
    assert ImportBatch.objects.get(pk=batch.pk).state == "finished"
    call_command("roll_back_import", str(batch.pk), "--why", "Wrong file.")
    output = capsys.readouterr().out
    assert "10 withdrawn, 9 set back, 1 kept" in output and old[0]["source_id"] in output
    with pytest.raises(CommandError, match="No import has this number"):
        call_command("roll_back_import", "999")


@pytest.mark.parametrize("group", ["Editors", "Reviewers"])
def test_who_may_not_import_may_neither_roll_back_nor_switch_nor_repair(imported, group):
    batch, *_ = imported
    by = person(group)
    for operation in (roll_back_batch, lambda batch, by: switch_batch_index(batch, is_open=False, by=by)):
        with pytest.raises(NotAllowed, match="does not have the right"):
            operation(batch, by=by)
    assert ImportBatch.objects.get(pk=batch.pk).index_open


def test_the_switch_of_an_import_closes_its_texts_at_once_also_under_a_later_proposal():
    record, other = RecordFactory(), RecordFactory()
    batch = import_records(record)
    import_records(other)
    approve(post_of(record))
    approve(post_of(other))
    assert Post.objects.indexable().count() == 2 and PostTerm.objects.filter(post=post_of(record)).exists()
    follow_batch_switch(switch_batch_index(batch, is_open=False, by=person("Staff")))
    assert [post.source_id for post in Post.objects.indexable()] == [other["source_id"]]
    assert not PostTerm.objects.filter(post=post_of(record)).exists()
    import_records({**record, "body": "Proposed by a later import."})
    post = post_of(record)
    assert not post.is_indexable and f"import {batch.pk} is closed to search engines" in post.index_obstacles
    assert Post.objects.indexable().count() == 1
    follow_batch_switch(switch_batch_index(batch, is_open=True, by=None))
    assert post_of(record).is_indexable and Post.objects.indexable().count() == 2
    assert PostTerm.objects.filter(post=post).exists()


def test_the_lists_of_many_posts_follow_their_import_in_one_step():
    small, large = ([RecordFactory(tools=[f"tool {at}"]) for at in range(count)] for count in (2, 8))
    batches = [import_records(*records) for records in (small, large)]
    for record in (*small, *large):
        approve(post_of(record))
    before = dict(Term.objects.values_list("key", "listed_count"))
    asked = []
    for batch in batches:
        with CaptureQueriesContext(connection) as queries:
            follow_batch_switch(switch_batch_index(batch, is_open=False, by=None))
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert not PostTerm.objects.exists() and not Term.objects.filter(listed_count__gt=0).exists()
    for batch in batches:
        follow_batch_switch(switch_batch_index(batch, is_open=True, by=None))
    assert dict(Term.objects.values_list("key", "listed_count")) == before and before["go services"] == 10
    roll_back_batch(batches[1], by=None)
    assert Term.objects.get(kind="stack", key="go services").listed_count == 2
    assert set(PostTerm.objects.values_list("post__source_id", flat=True)) == {r["source_id"] for r in small}


# Rows that were not taken


@pytest.fixture
def conflict():
    """Return (issue, record, incoming) of a post that a person and an import both changed."""
    record = RecordFactory(body="First.")
    import_records(record)
    edit(record, summary="A person wrote this.")
    incoming = {**record, "body": "The machine wrote that."}
    import_records(incoming)
    return ImportIssue.objects.get(kind="conflict"), record, incoming


def test_taking_the_incoming_text_makes_it_the_proposed_one_and_lets_the_next_through(conflict):
    issue, record, incoming = conflict
    revision = take_incoming(issue, by=person("Editors"))
    post = post_of(record)
    assert (post.body, post.head_revision, post.awaits_review) == ("The machine wrote that.", revision, True)
    assert revision.author is not None and "line 1" in revision.why
    assert import_records(incoming).unchanged == 1
    assert import_records({**incoming, "body": "Further."}).updated == 1
    with pytest.raises(Refused, match="already settled: taken"):
        take_incoming(issue, by=None)


def test_taking_what_readers_see_approved_already_asks_nobody_to_read_it_again():
    record = RecordFactory(body="Live.")
    import_records(record)
    approve(post_of(record))
    import_records({**record, "body": "Proposed by an import."})
    edit(record, summary="A person wrote this.")
    import_records({**record, "view_count": 7, "body": "Live."})
    revision = take_incoming(ImportIssue.objects.get(kind="conflict"), by=person("Editors"))
    assert (revision.status, post_of(record).awaits_review) == ("approved", False)


def test_a_dismissed_text_is_no_conflict_again_but_another_one_is(conflict):
    issue, record, incoming = conflict
    dismiss_incoming(issue, by=person("Staff"))
    assert post_of(record).summary == "A person wrote this."
    assert import_records(incoming).unchanged == 1
    assert import_records({**incoming, "hash": "claimed"}).unchanged == 1
    assert import_records({**incoming, "body": "Another."}).conflict == 1
    assert ImportIssue.objects.filter(kind="conflict", resolution="").count() == 1


def test_a_later_incoming_text_takes_the_place_of_an_open_conflict(conflict):
    issue, _, incoming = conflict
    import_records({**incoming, "body": "Another."})
    issue.refresh_from_db()
    assert issue.resolution == "overtaken"
    assert ImportIssue.objects.filter(kind="conflict", resolution="").count() == 1


def test_a_merge_is_a_text_of_the_person_who_made_it(conflict):
    issue, record, incoming = conflict
    merged = {**post_of(record).working_record(), "body": "Both of us wrote this."}
    head = post_of(record).head_revision_id
    with pytest.raises(HeadMoved):
        merge_incoming(issue, merged, by=person("Editors"), expected_head_id=head - 1)
    with pytest.raises(NotAllowed):
        merge_incoming(issue, merged, by=person("Staff"))
    merge_incoming(issue, merged, by=person("Editors"), expected_head_id=head)
    post = post_of(record)
    assert (post.body, post.summary) == ("Both of us wrote this.", "A person wrote this.")
    assert import_records(incoming).unchanged == 1
    assert import_records({**incoming, "body": "Another."}).conflict == 1


def test_a_repaired_row_comes_in_as_part_of_its_import():
    batch = import_records(RecordFactory(), RecordFactory(source_id="mended", title=7))
    issue = ImportIssue.objects.get()
    with pytest.raises(RecordRefused, match="must be text"):
        repair_row(issue, issue.raw, by=None)
    text = json.dumps(json.loads(issue.raw) | {"title": "Seven"})
    assert repair_row(issue, text, by=person("Staff")) == "created"
    batch.refresh_from_db()
    assert (batch.created, batch.refused, batch.rows) == (2, 0, 2)
    post = Post.objects.get(source_id="mended")
    assert (post.title, post.first_batch) == ("Seven", batch)
    with pytest.raises(Refused, match="already settled"):
        repair_row(issue, text, by=None)
    assert roll_back_batch(batch, by=None).rollback["withdrawn"] == 2


def test_a_row_that_is_left_out_is_not_exported_again(capfdbinary):
    batch = import_records({"source_id": "a"}, {"source_id": "b"})
    leave_row_out(ImportIssue.objects.get(line=1), by=person("Staff"))
    call_command("export_refused", str(batch.pk))
    assert [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()] == [{"source_id": "b"}]


def test_the_page_of_a_rollback_looks_at_the_first_texts_of_a_large_import_or_on_demand_at_all(
    imported, client, monkeypatch
):
    monkeypatch.setattr(actions, "MOST_LOOKED_AT", 4)
    client.force_login(person("Staff"))
    address = reverse("admin:posts_importbatch_rollback", args=[imported[0].pk])
    page = client.get(address).content.decode()
    assert "more than 4 texts" in page and "Roll back the whole import" in page
    plan = client.get(address).context["plan"]
    assert plan.withdraws + plan.sets_back == 4
    everything = client.get(address, {"all": "1"})
    assert everything.context["plan"] == plan_rollback(imported[0])
    assert "Roll back 20 posts" in everything.content.decode()
