"""What saving a text means is said once: for one post, for the sets of an import and for its roll-back."""

import ast
from pathlib import Path

import pytest

from posts.importing.rollback import roll_back_batch
from posts.operations import restore_revision
from posts.operations.new_head import AWAITS_REVIEW, NewHead
from posts.operations.transitions import TEXT_STEPS
from tests.factories import approve, edit, fresh, import_records, make_post, person

POSTS = Path(__file__).parent.parent / "posts"
OF_REVISION = ("number", "version", "status", "canonical_version", "batch_id")
OF_POST = ("awaits_review", "live_revision_id", "live_approval_id")


def head(post):
    """Return what a saved text says of the newest revision of `post` and of the post itself."""
    post = fresh(post)
    of_post = [getattr(post, name) is not None and bool(getattr(post, name)) for name in OF_POST]
    return [getattr(post.head_revision, name) for name in OF_REVISION], of_post


def imported_again(*, released):
    """Return (post, the batch that changed its text), where readers see the first text if `released`."""
    post = make_post(released=released)
    record = post.head_revision.snapshot
    return post, import_records({**record, "summary": "Imported again."})


@pytest.mark.django_db
@pytest.mark.parametrize(("released", "status", "waits"), [(False, "in_review", True), (True, "approved", False)])
def test_an_earlier_text_comes_back_alike_by_a_person_and_by_the_roll_back_of_an_import(released, status, waits):
    by_person, _ = imported_again(released=released)
    restore_revision(by_person.revisions.get(number=1), by=person("Editors"))
    in_a_set, batch = imported_again(released=released)
    roll_back_batch(batch, by=person("Staff"))
    assert head(by_person) == head(in_a_set)
    assert head(by_person)[0][:3] == [3, "1.0.2", status] and fresh(by_person).awaits_review is waits


@pytest.mark.django_db
def test_a_text_without_a_decision_is_superseded_alike_by_a_person_and_by_an_import():
    for save in (lambda post: edit(post, summary="Typed."), lambda post: imported_over(post, summary="Imported.")):
        post = make_post()
        save(post)
        assert [text.status for text in post.revisions.order_by("number")] == ["superseded", "drafted"]
        decided = approve(make_post())
        save(decided)
        assert [text.status for text in decided.revisions.order_by("number")] == ["approved", "drafted"]


def imported_over(post, **changes):
    import_records({**fresh(post).head_revision.snapshot, **changes})


@pytest.mark.parametrize("step", AWAITS_REVIEW)
def test_every_way_to_save_a_text_is_a_step_of_the_state_machine(step):
    new = NewHead(step, snapshot={}, fingerprint="f" * 64, version="1.0.0", before=None, author_id=None)
    assert new.revision_columns(1)["status"] == TEXT_STEPS[step]["new"] and new.revision_columns(1)["number"] == 1


def test_no_other_module_says_what_a_new_text_begins_with():
    """`first_status` and the columns of a new revision have one home, so that no second pen can differ."""
    users = set()
    for path in [*POSTS.glob("operations/*.py"), *POSTS.glob("importing/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == "first_status":
                users.add(path.name)
            if isinstance(node, ast.Constant) and node.value == "canonical_version":
                users.add(path.name)
    assert users == {"new_head.py"}
