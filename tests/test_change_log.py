"""The change log for cached pages: every change is seen once it is visible, in any order of commits."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.utils import timezone

from posts.db.change_log import (
    LISTS,
    SWITCHES,
    changes_since,
    file_key,
    former_stack_key,
    note_changes,
    place_to_begin,
    post_key,
)
from posts.importing.index_switch import switch_batch_index
from posts.importing.rollback import roll_back_batch
from posts.jobs.housekeeping import forget_old_page_changes
from posts.listing.rebuild import rebuild_lists
from posts.models import ImportBatch, ListedText, PageChange, Post, Term
from posts.models.listed_text import URLS_PER_FILE
from posts.operations import change_slug, claim_post, flag_post, record_revision, withdraw_post
from tests.factories import RecordFactory, approve, import_records, make_post, person
from tests.waiting import PATIENT_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


def keys_noted_by(act):
    """Return the keys that `act` noted."""
    lines = set(PageChange.objects.values_list("pk", flat=True))
    act()
    return {key for line in PageChange.objects.exclude(pk__in=lines) for key in line.keys.split()}


def keys_told_by(look):
    """Return all keys that a look brought."""
    return {key for _, _, keys in look.rows for key in keys}


def position_of(key, look):
    """Return where the log has a key for the last time."""
    return max(position for _, position, keys in look.rows if key in keys)


def test_a_look_tells_what_changed_since_the_one_before_it():
    note_changes(["before"])
    look = changes_since(place_to_begin())
    assert "before" in keys_told_by(look)
    note_changes(["post:1", "lists", "post:1"])
    second = changes_since(look.horizon)
    assert {"post:1", "lists"} <= keys_told_by(second)
    assert all(position >= look.horizon for _, position, _ in second.rows)
    # An older transaction, also of another test, may hold the horizon back; what is below it is told no more.
    third = changes_since(second.horizon)
    assert all(position >= second.horizon for _, position, _ in third.rows)


def test_a_change_that_is_rolled_back_is_never_told():
    with transaction.atomic():
        note_changes(["undone"])
        transaction.set_rollback(True)
    note_changes(["done"])
    assert keys_told_by(changes_since(0)) == {"done"}


def begin_slowly(change):
    """Change something in a transaction of another thread; return what ends the transaction."""
    changed, go_on = threading.Event(), threading.Event()

    def write():
        try:
            with transaction.atomic():
                change()
                changed.set()
                assert go_on.wait(PATIENT_SECONDS)
        finally:
            connection.close()

    def end():
        go_on.set()
        writer.join()

    writer = threading.Thread(target=write)
    writer.start()
    assert changed.wait(PATIENT_SECONDS)
    return end


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="one transaction writes at a time on SQLite")
def test_a_writer_that_began_first_and_ended_last_is_not_overlooked():
    end = begin_slowly(lambda: note_changes(["slow"]))
    note_changes(["quick"])
    look = changes_since(0)
    assert "quick" in keys_told_by(look) and "slow" not in keys_told_by(look)
    # A page rendered now gets this horizon; the quick change must not count as certainly older.
    assert position_of("quick", look) >= look.horizon
    end()
    after = changes_since(look.horizon)
    assert position_of("slow", after) >= look.horizon


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="one transaction writes at a time on SQLite")
def test_lists_show_what_a_slow_writer_changed_though_a_quick_one_came_between(client):
    make_post(released=True, stack=["Go services"])
    end = begin_slowly(lambda: Term.objects.filter(kind="stack").update(name="Go workers"))
    note_changes(["quick"])
    for address in ("/", "/articles/", "/stacks/go-services/"):
        # The process now keeps what it read.
        assert b"Go services" in client.get(address).content
    end()
    for address in ("/", "/articles/", "/stacks/go-services/"):
        assert b"Go workers" in client.get(address).content


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="one transaction writes at a time on SQLite")
def test_the_index_of_the_sitemap_shows_what_a_slow_writer_changed_though_a_quick_one_came_between(client):
    post = make_post(released=True)
    end = begin_slowly(lambda: ListedText.objects.filter(post=post).update(changed_at=datetime(2027, 1, 1, tzinfo=UTC)))
    for _ in range(2):
        # It reads the file again, without the change.
        note_changes([file_key(post.pk // URLS_PER_FILE)])
        assert b"2027-01-01" not in client.get("/sitemap.xml").content
    end()
    assert b"2027-01-01" in client.get("/sitemap.xml").content


def test_too_many_changes_to_tell_are_told_as_that():
    horizon = changes_since(0).horizon
    for number in range(6):
        note_changes([f"post:{number}"])
    assert len(changes_since(0, limit=6).rows) == 6
    look = changes_since(0, limit=5)
    assert look.rows is None
    assert look.newest > horizon


def test_a_new_reader_begins_a_bounded_way_back():
    for number in range(8):
        note_changes([f"post:{number}"])
    look = changes_since(place_to_begin(rows=3))
    assert {"post:7", "post:6", "post:5"} <= keys_told_by(look)
    assert "post:0" not in keys_told_by(look)


def test_old_lines_go_and_positions_go_on_from_the_newest():
    note_changes(["old"])
    note_changes(["newest"])
    newest = changes_since(0).newest
    PageChange.objects.update(noted_at=timezone.now() - timezone.timedelta(days=2))
    forget_old_page_changes.func()
    assert list(PageChange.objects.values_list("keys", flat=True)) == ["newest"]
    note_changes(["next"])
    assert position_of("next", changes_since(0)) > newest


def test_a_log_without_lines_has_nothing_to_forget():
    forget_old_page_changes.func()
    assert changes_since(place_to_begin()).rows == []


def test_operations_on_a_post_tell_of_it_and_of_lists_where_they_change():
    post = make_post(released=True, stack=["Rust", "Tokio"])
    staff, listed = person("Staff"), {post_key(post.pk), LISTS, file_key(post.pk // URLS_PER_FILE)}
    # What version 0.1.0 reads, which may run beside this one during an upgrade.
    counted = listed | {former_stack_key("Rust"), former_stack_key("tokio")}
    assert keys_noted_by(lambda: flag_post(post, by=staff, note="Look.")) == counted
    assert keys_noted_by(lambda: approve(post)) >= counted
    assert keys_noted_by(lambda: change_slug(post, "elsewhere", by=person())) == listed
    assert keys_noted_by(lambda: withdraw_post(post, by=staff)) == counted
    record = Post.objects.get(pk=post.pk).working_record() | {"title": "Another"}
    # Readers see nothing of a withdrawn post's working copy, and all of that of one that was never released.
    assert keys_noted_by(lambda: record_revision(post, record, by=person("Editors"))) == set()
    waiting = make_post()
    record = waiting.working_record() | {"title": "Another"}
    assert keys_noted_by(lambda: record_revision(waiting, record, by=person("Editors"))) == {post_key(waiting.pk)}


def test_a_post_in_lists_tells_also_of_the_ones_before_and_after_it_on_its_stacks():
    first, second, third, fourth, fifth = (make_post(released=True, stack=["Rust"]) for _ in range(5))
    make_post(released=True, stack=["Go"])
    beside = {post_key(second.pk), post_key(third.pk), post_key(fourth.pk)}
    assert (
        keys_noted_by(lambda: change_slug(third, "elsewhere", by=person()))
        - {LISTS, file_key(third.pk // URLS_PER_FILE)}
        == beside
    )
    withdrawn = keys_noted_by(lambda: withdraw_post(third, by=person("Staff")))
    assert beside <= withdrawn
    assert not {post_key(first.pk), post_key(fifth.pk)} & withdrawn
    # After it went, the second and the fourth are beside each other.
    assert post_key(second.pk) in keys_noted_by(lambda: withdraw_post(fourth, by=person("Staff")))


def test_who_works_on_a_post_changes_no_page():
    post, reviewer = make_post(), person()
    approved = make_post(released=True)
    assert keys_noted_by(lambda: claim_post(post, by=reviewer)) == set()
    record = approved.working_record() | {"title": "Another"}
    # What is proposed stands on no page while another text is live.
    assert keys_noted_by(lambda: record_revision(approved, record, by=person("Editors"))) == set()


def test_an_import_tells_of_the_posts_that_were_there():
    listed, waiting = RecordFactory(stack=["Rust"]), RecordFactory()
    # New posts have no page yet and are in no list.
    assert keys_noted_by(lambda: import_records(listed, waiting)) == set()
    first, second = Post.objects.order_by("pk")
    assert keys_noted_by(lambda: import_records(waiting | {"title": "B"})) == {post_key(second.pk)}
    approve(first)
    both = [listed | {"title": "C"}, waiting | {"title": "D"}]
    of_listed = {post_key(first.pk), LISTS, file_key(first.pk // URLS_PER_FILE)}
    assert keys_noted_by(lambda: import_records(*both)) == {*of_listed, post_key(second.pk)}
    # Claims and counts of a text that stays as it is.
    assert keys_noted_by(lambda: import_records(waiting | {"title": "D", "view_count": 7})) == {post_key(second.pk)}


def test_the_switch_of_an_import_is_one_key_for_all_its_posts():
    batch = import_records(RecordFactory(), RecordFactory())
    noted = keys_noted_by(lambda: switch_batch_index(batch, is_open=False, by=person("Staff")))
    assert noted == {SWITCHES, LISTS}


def test_a_rolled_back_import_tells_of_its_posts():
    batch = import_records(RecordFactory(), RecordFactory())
    posts = set(map(post_key, Post.objects.values_list("pk", flat=True)))
    assert keys_noted_by(lambda: roll_back_batch(ImportBatch.objects.get(pk=batch.pk), by=None)) == posts


def test_a_rebuild_that_puts_terms_right_tells_of_lists():
    withdraw_post(make_post(released=True), by=person("Staff"))
    assert keys_noted_by(rebuild_lists) == set()
    for astray, noted in (({"slug": ""}, {LISTS, SWITCHES}), ({"listed_count": 3}, {LISTS})):
        Term.objects.update(**astray)
        assert keys_noted_by(rebuild_lists) == noted
