"""The frame of operations: what follows from a change is done once, and nothing follows from none."""

import ast
import json
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import posts.importing
import posts.operations
from posts.models import AuditEntry, ListedText, PageChange, Post, QueueEntry
from posts.operations import (
    Refused,
    assign_post,
    change_slug,
    claim_post,
    flag_post,
    record_revision,
    report_problem,
    unclaim,
    withdraw_post,
)
from posts.operations.frame import changing, changing_posts, note, operating, operation
from posts.operations.transitions import take_step
from tests.factories import approve, fresh, make_post, person

pytestmark = pytest.mark.django_db


def names_used_in(path):
    """Return every name that the source of a file imports or calls."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported | {node.func.attr for node in nodes if isinstance(node, ast.Call) and hasattr(node.func, "attr")}


OPERATIONS = sorted(Path(posts.operations.__file__).parent.glob("*.py"))
BY_HAND = {"refresh_listings", "refresh_queue", "refresh_queue_of", "note_changes", "note_audit", "audit_entry"} | {
    "AuditEntry"
}
IMPORTING = sorted(Path(posts.importing.__file__).parent.glob("*.py"))


@pytest.mark.once
@pytest.mark.parametrize("path", [path for path in OPERATIONS if path.name != "frame.py"], ids=lambda path: path.stem)
def test_no_operation_does_the_work_of_the_frame_by_hand(path):
    # Runs of bulk actions, versions of the guideline, pictures and messages are no posts.
    allowed = {
        name: {"select_for_update"}
        for name in ("approved_pictures", "bulk", "deployments", "guideline", "pictures", "send_again")
    }
    # Its entries lose the words of a purged post.
    allowed["purge"] = {"AuditEntry"}
    assert names_used_in(path) & {*BY_HAND, "select_for_update"} <= allowed.get(path.stem, set())


@pytest.mark.once
@pytest.mark.parametrize("path", IMPORTING, ids=lambda path: path.stem)
def test_no_import_does_the_work_of_the_frame_by_hand(path):
    # A switch, or another generator of an import, changes no post, and thousands of lists.
    allowed = {"index_switch": {"refresh_listings"}, "generators": {"refresh_listings"}}
    assert names_used_in(path) & BY_HAND <= allowed.get(path.stem, set())


@pytest.mark.once
@pytest.mark.parametrize("path", [*OPERATIONS, *IMPORTING], ids=lambda path: path.stem)
def test_no_operation_opens_a_transaction_that_another_one_could_take_back(path):
    decorators = [
        ast.unparse(decorator)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    ]
    assert "transaction.atomic" not in decorators, "give the function @operation: its transaction is durable"


def test_an_approval_saves_the_post_once_and_ranks_and_lists_it_once():
    post, by = make_post(), person()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        approve(post, by=by)
    statements = [query["sql"].replace('"', "") for query in asked.captured_queries]
    assert sum(sql.startswith("UPDATE posts_post SET") for sql in statements) == 1
    assert sum(sql.startswith("DELETE FROM posts_queueentry") for sql in statements) == 1
    assert sum(sql.startswith("INSERT INTO posts_auditentry") for sql in statements) == 1


@pytest.mark.parametrize(
    "private",
    [
        lambda post, by: claim_post(post, by=by),
        lambda post, by: (claim_post(post, by=by), unclaim(post, by=by)),
        lambda post, by: assign_post(post, to=by, by=by),
        lambda post, by: report_problem(post, reason="facts", address="192.0.2.1"),
    ],
    ids=["claim", "claim and end it", "assign", "report"],
)
def test_what_readers_do_not_see_throws_no_page_out_of_the_caches(private):
    post, by = make_post(), person()
    last = PageChange.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    private(fresh(post), by)
    assert not PageChange.objects.filter(pk__gt=last).exists()


def test_a_report_still_moves_the_post_in_the_queue():
    post = make_post()
    before = QueueEntry.objects.get(pk=post.pk).points
    report_problem(fresh(post), reason="facts", address="192.0.2.1")
    assert QueueEntry.objects.get(pk=post.pk).points > before


def test_an_operation_that_changes_nothing_leaves_no_trace():
    post, by = make_post(), person()
    entries, changes = AuditEntry.objects.count(), PageChange.objects.count()
    change_slug(post, post.slug, by=by)
    assert (AuditEntry.objects.count(), PageChange.objects.count()) == (entries, changes)


@operation
def refuse_after_changes(post, *, by):
    with changing(post, by=by) as change:
        change.post.title = "Never"
        change.post.payload["never"] = True
        change.post.withdrawn_at = timezone.now()
        take_step(change.post.head_revision, "reject")
        change.place = ["2020-01-01T00:00:00Z", None]
        change.note("changed")
        change.rank()
        raise Refused("No.")


@operation
def try_both(post, *, by):
    """Change a post before and after a part that is refused."""
    with changing(post, by=by) as change:
        change.post.body = "Before"
        change.post.payload["before"] = True
        with pytest.raises(Refused):
            refuse_after_changes(post, by=by)
        change.post.intro = f"{change.post.head_revision.status} after"
        change.note("tried")


def test_a_refused_part_of_an_operation_leaves_only_what_the_whole_says():
    post, by = make_post(), person()
    try_both(post, by=by)
    assert (fresh(post).title, fresh(post).withdrawn_at) == (post.title, None)
    assert fresh(post).head_revision.status == post.head_revision.status
    assert QueueEntry.objects.get(pk=post.pk).waiting_since.year > 2020
    actions = set(AuditEntry.objects.filter(post=post, made_by=by).values_list("action", flat=True))
    assert "tried" in actions and "changed" not in actions


def test_a_refused_part_of_an_operation_takes_nothing_else_back():
    post, by = make_post(), person()
    status = post.head_revision.status
    try_both(post, by=by)
    found = fresh(post)
    assert (found.body, found.intro) == ("Before", f"{status} after")
    assert found.payload["before"] is True and "never" not in found.payload


def test_a_part_without_a_savepoint_of_its_own_cannot_join_a_change():
    post, by = make_post(), person()
    with (
        pytest.raises(RuntimeError, match="already being changed"),
        operating(),
        changing(post, by=by),
        changing(post, by=by),
    ):
        pass


@operation
def withdraw_all(posts, *, by, fails_with=None):
    """Withdraw a set of posts, of which one part is refused."""
    with changing_posts(Post.objects.filter(pk__in=[post.pk for post in posts]), by=by) as changes:
        for change in changes:
            change.post.withdrawn_at = timezone.now()
            change.note("withdrawn", revision=change.post.head_revision)
        with pytest.raises(Refused):
            refuse_after_changes(changes[0].post, by=by)
        flag_post(changes[0].post, by=by, note="Look.")
        if fails_with:
            raise fails_with


def test_a_set_of_posts_is_changed_as_each_of_them_would_be():
    posts, by = [make_post(released=True), make_post(released=True), make_post()], person()
    withdraw_all(posts, by=by)
    found = [fresh(post) for post in posts]
    assert all(post.withdrawn_at for post in found)
    assert [post.needs_human_review for post in found] == [True, False, False]
    assert [post.title for post in found] == [post.title for post in posts]
    assert not ListedText.objects.filter(post__in=posts).exists()
    assert not QueueEntry.objects.filter(post__in=posts).exists()
    entries = AuditEntry.objects.filter(post__in=posts, made_by=by)
    assert entries.filter(action="withdrawn").count() == 3 and entries.filter(action="flagged").count() == 1
    assert not entries.filter(action="changed").exists()


def test_a_set_of_posts_is_changed_as_a_whole_or_not_at_all():
    posts, by = [make_post(released=True), make_post()], person()
    with pytest.raises(Refused, match="No more"):
        withdraw_all(posts, by=by, fails_with=Refused("No more."))
    assert not Post.objects.filter(withdrawn_at__isnull=False).exists()
    assert not AuditEntry.objects.filter(made_by=by).exists()


def test_a_set_of_any_size_costs_the_same_number_of_statements():
    by = person()

    @operation
    def withdraw(posts):
        with changing_posts(Post.objects.filter(pk__in=[post.pk for post in posts]), by=by) as changes:
            at = timezone.now()
            for change in changes:
                change.post.withdrawn_at = at
                change.note("withdrawn")

    few, many = [make_post(released=True) for _ in range(2)], [make_post(released=True) for _ in range(7)]
    with CaptureQueriesContext(connection) as for_few:
        withdraw(few)
    with CaptureQueriesContext(connection) as for_many:
        withdraw(many)
    assert len(for_few) == len(for_many)


def test_what_is_recorded_apart_from_a_post_needs_an_operation_too():
    with pytest.raises(RuntimeError, match="@operation"):
        note("job started", by=None)
    with operating():
        note("job started", by=None)
    assert AuditEntry.objects.filter(action="job started").count() == 1


def test_operations_inside_another_share_its_post():
    post, by = make_post(released=True), person()
    with operating():
        flag_post(post, by=by, note="Look.")
        withdraw_post(post, by=by)
    found = fresh(post)
    assert found.needs_human_review and found.withdrawn_at


def test_a_post_is_changed_in_an_operation_only():
    with pytest.raises(RuntimeError, match="@operation"), changing(make_post(), by=None):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_transaction_around_an_operation_is_refused_since_it_could_take_it_back():
    post, by = make_post(), person()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        flag_post(post, by=by, note="Look.")
    assert not Post.objects.get(pk=post.pk).needs_human_review


def test_the_working_copy_has_the_types_and_the_order_of_the_newest_text():
    post = make_post(payload={"count": 1, "share": 1, "order": {"a": 1, "b": 2}})
    typed = {"count": True, "share": 1.0, "order": {"b": 2, "a": 1}}
    revision = record_revision(post, {**post.head_revision.snapshot, "payload": typed}, by=None)
    assert json.dumps(fresh(post).payload) == json.dumps(revision.snapshot["payload"]) == json.dumps(typed)
