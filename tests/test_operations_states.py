"""The diagrams of docs/review.md and the tables that the operations use say the same."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied

from posts.models import Post, Revision, ScheduledRelease
from posts.operations import Refused, decide, restore_revision, submit_revision
from posts.operations.review import Decision
from posts.operations.transitions import NEW, PAGE_STEPS, PLAN_STEPS, TEXT_STEPS, settle, take_step
from tests.factories import approve, edit, make_post, person

DOCUMENT = Path(__file__).parent.parent / "docs" / "review.md"


def drawn(number):
    """Return {(from, to, step)} of the n-th diagram."""
    diagram = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[
        number
    ]
    steps = re.findall(r"^    (\S+) --> (\S+): (.+)$", diagram, re.MULTILINE)
    assert len(steps) == len(diagram.strip().splitlines())
    return {(NEW if start == "[*]" else start, end, step) for start, end, step in steps}


@pytest.mark.parametrize(("number", "table"), list(enumerate([TEXT_STEPS, PAGE_STEPS, PLAN_STEPS])))
def test_the_diagram_shows_exactly_the_steps_of_the_code(number, table):
    coded = {(str(start), str(end), step) for step, moves in table.items() for start, end in moves.items()}
    assert drawn(number) == coded


def test_every_state_is_reached_and_none_but_the_drawn_ones_exist():
    assert {end for _, end, _ in drawn(0)} == set(Revision.Status.values)
    assert {end for _, end, _ in drawn(2)} == set(ScheduledRelease.State.values)


@pytest.mark.once
@pytest.mark.django_db
@pytest.mark.parametrize("step", TEXT_STEPS)
@pytest.mark.parametrize("status", Revision.Status)
def test_a_step_that_is_not_in_the_table_is_refused(step, status):
    revision = make_post().head_revision
    revision.status = status
    if status in TEXT_STEPS[step]:
        take_step(revision, step)
        assert Revision.objects.get(pk=revision.pk).status == TEXT_STEPS[step][status]
    else:
        with pytest.raises(Refused, match=rf"1\.0\.0 is already {revision.status_words}"):
            take_step(revision, step)


def test_a_plan_that_has_ended_takes_no_step():
    for state in ("done", "refused", "cancelled"):
        with pytest.raises(Refused, match=f"is already {state}"):
            settle(ScheduledRelease(state=state), "run", at=None)


@pytest.mark.django_db
def test_words_typed_back_to_what_is_live_are_approved_as_they_are():
    post = make_post(released=True, summary="First.")
    edit(post, summary="Second.")
    again = edit(post, summary="First.")
    post = Post.objects.get()
    assert again.status == "approved" and not post.awaits_review and post.is_indexable
    with pytest.raises(Refused, match=r"1\.0\.2 is approved. Change the post before"):
        submit_revision(post, by=person())
    with pytest.raises(Refused, match=r"1\.0\.2 is already approved"):
        approve(post)


@pytest.mark.django_db
def test_a_restored_text_keeps_the_claims_and_the_view_count_of_today():
    post = make_post(summary="First.", view_count=10, hash="a" * 24, flags={"needs_human_review": 0, "has_images": 1})
    first = post.head_revision
    edit(post, summary="Second.", view_count=900, hash="b" * 24)
    restored = restore_revision(first, by=person("Editors"))
    post = Post.objects.get()
    assert (post.view_count, post.claimed_hash, post.summary) == (900, "b" * 24, "First.")
    assert restored.fingerprint == first.fingerprint and restored.status == "in_review"


@pytest.mark.django_db
def test_a_rejected_text_comes_back_only_by_somebody_who_decides():
    post = make_post()
    decide(post, Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, comment="no"), by=person())
    with pytest.raises(PermissionDenied, match="review_post"):
        submit_revision(post, by=person("Editors"))
    assert Post.objects.get().visible_revision is None
    assert submit_revision(post, by=person()).status == "in_review"
