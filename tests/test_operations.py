import pytest
from django.contrib.auth.models import Permission

from posts.models import AuditEntry, Post, PostTerm, Release, Review, Revision, Term
from posts.operations import (
    HeadMoved,
    NotAllowed,
    Refused,
    change_slug,
    clear_flag,
    create_post,
    decide,
    flag_post,
    record_revision,
    release_revision,
    restore_revision,
    roll_back,
    submit_revision,
    withdraw_post,
)
from posts.operations.review import Decision
from tests.factories import ALL_MET, RecordFactory, approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db


def test_a_save_that_changes_nothing_makes_no_revision_and_keeps_the_approval():
    post = make_post(released=True)
    assert record_revision(post, post.working_record(), by=person("Editors")) is None
    assert fresh(post).is_indexable and post.revisions.count() == 1


def test_a_save_makes_the_next_version_and_supersedes_an_undecided_text():
    post = make_post(revision={"version": "1.4.7"})
    first = post.head_revision
    assert edit(post, summary="Other.").version == "1.4.8"
    assert Revision.objects.get(pk=first.pk).status == "superseded"
    record = {**fresh(post).working_record(), "summary": "Third."}
    assert record_revision(post, record, by=None, bump="minor").version == "1.5.0"


def test_images_and_checklist_are_part_of_what_is_saved():
    post = make_post()
    image = {"source": "unsplash", "url": "https://images.unsplash.com/a", "caption": "c", "lens": "none"}
    revision = edit(post, image_sources=[image], checklist=["one", "two"])
    assert revision.snapshot["image_sources"] == [image]
    assert [item.text for item in post.checklist_items.all()] == ["one", "two"]
    assert fresh(post).working_record() == revision.snapshot


def test_a_save_from_a_form_opened_on_an_older_text_is_refused_whole():
    post = make_post()
    opened = post.head_revision_id
    edit(post, summary="Somebody was faster.")
    record = {**post.working_record(), "summary": "Mine."}
    with pytest.raises(HeadMoved, match=r"1\.0\.1 was saved in the meantime"):
        record_revision(post, record, by=person("Editors"), expected_head_id=opened)
    assert fresh(post).summary == "Somebody was faster."


def test_a_typed_post_is_drafted_hidden_and_waits_only_when_submitted(client):
    editor = person("Editors")
    post = create_post({"title": "Typed here", "body": "Words."}, by=editor)
    assert client.get(post.get_absolute_url()).status_code == 404
    assert not Post.objects.waiting().exists()
    submit_revision(post, by=editor)
    assert Post.objects.waiting().get() == post
    assert client.get(approve(post).get_absolute_url()).status_code == 200


def test_an_approval_releases_exactly_the_text_that_was_read():
    post, reviewer = make_post(checklist=["content of the article"]), person()
    with pytest.raises(Refused, match="3 of the review guideline not answered"):
        decide(post, Decision(outcome="approved", fingerprint=post.head_revision.fingerprint), by=reviewer)
    review = decide(
        post, Decision(outcome="approved", fingerprint=post.head_revision.fingerprint, answers=ALL_MET), by=reviewer
    )
    post = fresh(post)
    assert (review.guideline_id, review.fingerprint) == (1, post.live_revision.fingerprint)
    assert post.is_indexable and not post.awaits_review
    release = Release.objects.get()
    assert release.owner == reviewer and release.expected_result and release.rollback_note


def test_a_decision_about_a_text_that_is_no_longer_proposed_is_refused():
    post = make_post()
    read = post.head_revision.fingerprint
    edit(post, summary="Newer.")
    with pytest.raises(HeadMoved):
        decide(post, Decision(outcome="approved", fingerprint=read, answers=ALL_MET), by=person())
    assert not Review.objects.exists()


def test_nobody_approves_a_text_that_only_they_wrote():
    post, author = make_post(), person()
    edit(post, by=author, summary="Mine.")
    with pytest.raises(Refused, match=r"You wrote 1\.0\.1"):
        approve(post, by=author)
    assert approve(post).is_indexable


def test_a_second_author_who_decides_nothing_is_no_second_pair_of_eyes():
    post, author = make_post(), person()
    edit(post, by=person("Editors"), summary="Hers.")
    edit(post, by=author, summary="Mine.")
    with pytest.raises(Refused, match=r"You wrote part of 1\.0\.2"):
        approve(post, by=author)
    assert approve(post).is_indexable


def test_a_superuser_approves_own_text_only_with_a_reason(superuser):
    post = make_post()
    edit(post, by=superuser, summary="Mine.")
    with pytest.raises(Refused, match="Give a reason"):
        approve(post, by=superuser)
    approve(post, by=superuser, own_text_reason="Nobody else is here this week.")
    assert Review.objects.get().own_text_reason == "Nobody else is here this week."


def test_a_picture_from_a_host_that_is_not_allowed_stops_an_approval():
    post = make_post(image_sources=[{"url": "https://elsewhere.example/a.jpg", "caption": "c"}])
    with pytest.raises(Refused, match=r"Image 1 is on the host elsewhere\.example"):
        approve(post)


def test_a_flag_raised_after_the_page_was_opened_stops_the_approval():
    post = make_post()
    flag_post(post, by=person("Staff"), note="Wait.")
    with pytest.raises(Refused, match="A flag is open: Flagged by staff: Wait"):
        decide(
            post, Decision(outcome="approved", fingerprint=post.head_revision.fingerprint, answers=ALL_MET), by=person()
        )
    assert approve(post).is_indexable


def test_asking_for_edits_needs_a_reason_and_leaves_readers_alone():
    post = make_post(released=True)
    edit(post, summary="Worse.")
    head = fresh(post).head_revision
    with pytest.raises(Refused, match="Say why"):
        decide(post, Decision(outcome="changes_requested", fingerprint=head.fingerprint), by=person())
    decide(post, Decision(outcome="changes_requested", fingerprint=head.fingerprint, comment="Shorter."), by=person())
    post = fresh(post)
    assert post.head_revision.status == "changes_requested"
    assert post.is_indexable and post.live_revision.version == "1.0.0"
    submit_revision(post, by=person("Editors"))
    assert fresh(post).awaits_review


def test_a_rejected_import_leaves_the_site(client):
    post = make_post()
    assert client.get(post.get_absolute_url()).status_code == 200
    decide(
        post, Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, reason_code="facts"), by=person()
    )
    assert client.get(post.get_absolute_url()).status_code == 404


def test_a_bulk_approval_releases_and_opens_no_index(client):
    post = approve(make_post(), is_bulk=True)
    answer = client.get(post.get_absolute_url())
    assert answer.status_code == 200 and answer.headers["X-Robots-Tag"] == "noindex"
    assert post.index_obstacles == ["approved in bulk only"]


def test_an_approved_text_can_wait_for_its_release():
    post = approve(make_post(), release=False)
    assert post.live_revision is None
    release_revision(post.head_revision, by=person(), expected_result="Fewer questions.", rollback_note="Withdraw.")
    assert fresh(post).is_indexable


def test_only_an_approved_text_without_open_flags_is_released():
    post = make_post()
    with pytest.raises(Refused, match=r"1\.0\.0 is not approved"):
        release_revision(post.head_revision, by=person())
    post = approve(post, release=False)
    flag_post(post, by=person("Staff"))
    with pytest.raises(Refused, match="A flag is open"):
        release_revision(post.head_revision, by=person())


def test_a_roll_back_moves_readers_and_revokes_what_it_leaves(client):
    post = make_post(released=True, summary="First.")
    first_page = client.get(post.get_absolute_url()).content
    edit(post, summary="Second.")
    approve(post)
    roll_back(post, by=person(), why="Wrong figure.")
    post = fresh(post)
    assert post.live_revision.version == "1.0.0" and post.is_indexable
    assert b"Second." not in client.get(post.get_absolute_url()).content and b"First." in first_page
    assert post.summary == "Second."
    left = post.head_revision
    assert left.reviews.get().revoked_at and left.status == "changes_requested"
    with pytest.raises(Refused, match="not approved"):
        release_revision(left, by=person())
    with pytest.raises(Refused, match="Withdraw the post instead"):
        roll_back(post, by=person())


def test_no_gate_stands_in_the_way_of_a_roll_back():
    post = make_post(released=True, summary="First.")
    edit(post, summary="Second.")
    approve(post)
    flag_post(post, by=person("Staff"))
    roll_back(post, by=person())
    assert fresh(post).live_revision.version == "1.0.0"
    assert fresh(post).index_obstacles == ["a flag is open"]


def test_a_withdrawn_page_is_gone_until_it_is_released_again(client):
    post = make_post(released=True)
    withdraw_post(post, by=person("Staff"), why="Asked to.")
    assert client.get(post.get_absolute_url()).status_code == 410
    assert not Post.objects.listed().exists()
    with pytest.raises(Refused, match="Confirm that the release ends the withdrawal"):
        release_revision(post.live_revision, by=person())
    release_revision(post.live_revision, by=person(), ends_withdrawal=True)
    assert client.get(post.get_absolute_url()).status_code == 200
    assert fresh(post).is_indexable


def test_restoring_brings_the_words_back_as_a_new_proposed_text():
    post = make_post(summary="First.")
    first = post.head_revision
    edit(post, summary="Second.")
    restored = restore_revision(first, by=person("Editors"))
    assert (restored.fingerprint, restored.number) == (first.fingerprint, 3)
    assert fresh(post).awaits_review and fresh(post).summary == "First."


def test_restoring_a_text_that_differs_in_an_outdated_fingerprint_alone_is_refused():
    post = make_post()
    Revision.objects.filter(pk=post.head_revision_id).update(fingerprint="0" * 64)
    first = fresh(post).head_revision
    edit(post, summary="Second.")
    edit(post, summary=first.snapshot.get("summary", ""))
    with pytest.raises(Refused, match="already the same"):
        restore_revision(first, by=person("Editors"))


def test_restoring_what_is_live_and_approved_needs_no_second_review():
    post = make_post(released=True)
    edit(post, summary="Second.")
    restore_revision(fresh(post).live_revision, by=person("Editors"))
    assert not fresh(post).awaits_review and fresh(post).is_indexable


def test_a_flag_closes_the_page_to_search_engines_until_a_person_answers(client):
    post = make_post(released=True)
    flag = flag_post(post, by=person("Staff"), note="Check the numbers.")
    assert client.get(post.get_absolute_url()).headers["X-Robots-Tag"] == "noindex"
    with pytest.raises(Refused, match="Say why"):
        clear_flag(flag, by=person("Staff"), note=" ")
    clear_flag(flag, by=person("Staff"), note="They are right.")
    assert "X-Robots-Tag" not in client.get(post.get_absolute_url()).headers


def test_a_reviewer_confirms_a_flagged_live_text_with_a_new_decision():
    post = make_post(released=True, flagged=True)
    post = approve(post)
    assert post.is_indexable and post.revisions.count() == 1
    assert Review.objects.count() == 2 and Release.objects.count() == 1


def test_a_post_that_leaves_its_address_is_found_at_the_new_one(client):
    post = make_post(released=True, slug="old-name")
    change_slug(post, "new-name", by=person())
    answer = client.get("/posts/old-name/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/posts/new-name/")
    assert client.get("/posts/old-name.json").headers["Location"] == "/posts/new-name.json"
    with pytest.raises(Refused, match="belongs to another post"):
        change_slug(make_post(), "old-name", by=person())
    with pytest.raises(Refused, match="lowercase letters"):
        change_slug(post, "Not Good", by=person())
    change_slug(fresh(post), "old-name", by=person())
    assert client.get("/posts/new-name/").headers["Location"] == "/posts/old-name/"


OPERATIONS = {
    "edit": lambda post, by: edit(post, by=by, summary="x"),
    "submit": lambda post, by: submit_revision(post, by=by),
    "decide": lambda post, by: decide(
        post, Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, comment="no"), by=by
    ),
    "release": lambda post, by: release_revision(post.head_revision, by=by),
    "roll back": lambda post, by: roll_back(post, by=by),
    "withdraw": lambda post, by: withdraw_post(post, by=by),
    "restore": lambda post, by: restore_revision(post.head_revision, by=by),
    "flag": lambda post, by: flag_post(post, by=by),
    "change address": lambda post, by: change_slug(post, "other", by=by),
}
MAY = {
    "Editors": {"edit", "submit", "restore"},
    "Reviewers": set(OPERATIONS),
    "Staff": {"withdraw", "flag"},
    None: set(),
}


@pytest.mark.once
@pytest.mark.parametrize("group", MAY)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_itself_refuses_who_may_not_do_it(group, name, django_user_model):
    by = person(group) if group else django_user_model.objects.create_user("reader")
    post = make_post()
    if name in MAY[group]:
        refusal = None
        try:
            OPERATIONS[name](post, by)
        except Refused as error:
            refusal = error
        assert not isinstance(refusal, HeadMoved)
    else:
        before = list(Post.objects.values())
        with pytest.raises(NotAllowed, match="does not have the right"):
            OPERATIONS[name](post, by)
        assert list(Post.objects.values()) == before and not AuditEntry.objects.exclude(post=None).exists()


def test_who_may_decide_but_not_release_approves_for_later_and_confirms(django_user_model):
    by = django_user_model.objects.create_user("decides")
    by.user_permissions.add(Permission.objects.get(codename="review_post"))
    post = make_post()
    with pytest.raises(NotAllowed, match="release_post"):
        approve(post, by=by)
    assert fresh(post).live_revision is None and not Review.objects.exists()
    assert approve(post, by=by, release=False).head_revision.status == "approved"
    live = make_post(released=True, flagged=True)
    assert approve(live, by=by).is_indexable


def test_every_operation_leaves_who_did_what_to_which_text():
    post, reviewer = make_post(), person()
    approve(post, by=reviewer)
    withdraw_post(post, by=reviewer, why="Test.")
    entries = AuditEntry.objects.filter(post=post).order_by("pk")
    assert [entry.action for entry in entries] == ["approved", "released", "withdrawn"]
    assert all(entry.made_by == reviewer and entry.fingerprint == post.head_revision.fingerprint for entry in entries)


def test_terms_count_listed_posts_only():
    post = make_post(released=True, stack=["Go services"], tools=[], topic="")
    other = make_post(released=True, stack=["go services"], tools=[], topic="")
    term = Term.objects.get(kind="stack")
    assert (term.listed_count, PostTerm.objects.count()) == (2, 2)
    flag_post(other, by=None)
    withdraw_post(post, by=None)
    term.refresh_from_db()
    assert (term.listed_count, PostTerm.objects.count()) == (0, 0)


STATES = {
    "imported": lambda: make_post(),
    "released": lambda: make_post(released=True),
    "flagged": lambda: make_post(released=True, flagged=True),
    "in bulk": lambda: approve(make_post(), is_bulk=True),
    "withdrawn": lambda: withdraw_post(make_post(released=True), by=None).post,
    "approved only": lambda: approve(make_post(), release=False),
    "typed": lambda: create_post(RecordFactory(), by=None),
    "held": lambda: _set(make_post(released=True), held=True),
    "approval of another text": lambda: _set(
        make_post(released=True), live_approval=approve(make_post()).live_approval
    ),
    "batch off": lambda: _switch_off(make_post(released=True)),
    "rejected": lambda: decide_rejected(make_post()),
}


def _set(post, **columns):
    Post.objects.filter(pk=post.pk).update(**columns)
    return post


def _switch_off(post):
    post.last_batch.index_open = False
    post.last_batch.save()
    return post


def decide_rejected(post):
    decide(post, Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, comment="no"), by=person())
    return post


@pytest.mark.parametrize("indexing", [True, False])
@pytest.mark.parametrize("unreviewed", ["unlisted", "hidden"])
@pytest.mark.parametrize("state", STATES)
def test_the_python_and_the_sql_rules_agree(state, unreviewed, indexing, settings):
    settings.UNREVIEWED_POSTS, settings.INDEXING = unreviewed, indexing
    post = fresh(STATES[state]())
    assert post.is_indexable is Post.objects.indexable().contains(post)
    assert (post.visible_revision is not None) is Post.objects.visible().contains(post)
    if state == "released" and indexing:
        assert post.is_indexable
    if state == "imported":
        assert (post.visible_revision is not None) is (unreviewed == "unlisted")
