"""An approved page shows a record's claims as they were at the approval."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posts.export.records import export_posts
from posts.importing.conflicts import take_incoming
from posts.importing.rollback import roll_back_batch
from posts.listing.rebuild import rebuild_lists
from posts.models import AuditEntry, ListedText, Origin, Post, Review, Revision
from posts.operations import (
    Decision,
    confirm_live,
    decide_many,
    flag_post,
    record_revision,
    release_revision,
    restore_revision,
    roll_back,
    schedule_release,
    undo_decision,
)
from posts.operations.schedule import Plan, run_due
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import ALL_MET, RecordFactory, approve, fresh, import_records, make_post, person
from tests.test_audit_indexing import audit

pytestmark = pytest.mark.django_db

FIRST = {
    "view_count": 10,
    "hash": "a" * 24,
    "revision": {"status": "drafted", "version": "3.1.4"},
    "flags": {"has_images": 0, "needs_human_review": 0},
}
SECOND = {
    "view_count": 900,
    "hash": "sha256:" + "b" * 24,
    "revision": {"status": "approved", "version": "9.9.9", "note": "Buy pills at http://evil.example/"},
    "flags": {"has_images": 0, "needs_human_review": 1},
}
CLAIMS = tuple(FIRST)


def shown(client, post):
    """Return the claims in the public record of a post."""
    record = client.get(reverse("posts:record", args=[post.slug])).json()["record"]
    return {key: record[key] for key in CLAIMS if key in record}


def imported_again(record, **claims):
    """Import the same words once more, with other claims."""
    batch = import_records({**record, **claims})
    assert (batch.unchanged, batch.rows) == (1, 1)


def approved_with(record):
    import_records(record)
    return approve(Post.objects.get(source_id=record["source_id"]))


def surfaces(client, post):
    """Return {address: bytes} of every public answer that says something of `post`."""
    addresses = [
        post.get_absolute_url(),
        reverse("posts:record", args=[post.slug]),
        reverse("posts:api-post", args=[post.slug]),
        reverse("posts:api-posts"),
        reverse("posts:feed"),
        reverse("posts:json-feed"),
        reverse("posts:articles"),
        reverse("posts:sitemap-articles", args=[post.pk // URLS_PER_FILE]),
    ]
    return {address: client.get(address).getvalue() for address in addresses}


VALUES = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.text(max_size=20)
OTHER_CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "view_count": st.integers(0, 2**63 - 1),
        "hash": st.text("abcdefXYZ0123456789:+/=_-", max_size=128),
        "revision": st.dictionaries(st.sampled_from(["status", "version", "last_reviewed"]), st.text(max_size=20)),
        "needs_human_review": st.integers(0, 1),
        "slug": st.sampled_from(["another", "address"]),
        "of the revision": st.dictionaries(st.text(max_size=9), VALUES, max_size=2),
    },
)


# One post for all examples: each import meets what the imports before it left.
# (An example asks for eight pages twice, so there are fewer than of others.)
@settings(max_examples=settings.default.max_examples // 5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claims=OTHER_CLAIMS, origin=st.sampled_from(Origin))
def test_an_import_that_changes_no_fingerprint_changes_no_byte_of_what_readers_see(client_of_posts, claims, origin):
    client, post, record = client_of_posts
    before = surfaces(client, post)
    claims = dict(claims)
    more, asks = claims.pop("of the revision", {}), claims.pop("needs_human_review", None)
    flags = {"has_images": 0} if asks is None else {"has_images": 0, "needs_human_review": asks}
    incoming = {key: value for key, value in record.items() if key not in CLAIMS} | claims | {"flags": flags}
    if more or "revision" in claims:
        incoming["revision"] = more | claims.get("revision", {})
    batch = import_records(incoming, origin=origin)
    if batch.refused:  # of two keys that are one text, say
        return
    assert batch.unchanged == 1
    today = fresh(post)
    assert (today.view_count, today.claimed_hash) == (incoming.get("view_count"), incoming.get("hash", ""))
    assert surfaces(client, post) == before


@pytest.fixture
def client_of_posts(client):
    record = RecordFactory(**FIRST, summary="A queue that drains.")
    return client, approved_with(record), record


def test_a_newer_claim_reaches_the_page_with_the_next_approval(client):
    record = RecordFactory(**FIRST)
    post = approved_with(record)
    imported_again(record, **SECOND)
    assert shown(client, post) == FIRST
    assert b"900" not in client.get(post.get_absolute_url()).content
    import_records({**record, **SECOND, "body": "Other words."})
    assert shown(client, post) == FIRST
    approve(post, by=person())
    assert shown(client, post) == SECOND
    page = client.get(post.get_absolute_url()).content.decode()
    assert "sha256:bbbb" in page and ">900" in page


def test_what_the_reviewer_sees_in_the_preview_is_what_the_approval_puts_on_the_page(client, superuser):
    record = RecordFactory(**FIRST)
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    imported_again(record, **SECOND)
    client.force_login(superuser)
    preview = client.get(reverse("admin:posts_post_preview", args=[post.pk])).content.decode()
    assert "sha256:bbbb" in preview
    approve(post)
    imported_again(record, **FIRST | {"view_count": 11})
    assert shown(client, post) == SECOND
    preview = client.get(reverse("admin:posts_post_preview", args=[post.pk])).content.decode()
    assert "sha256:bbbb" not in preview and "aaaa" in preview


def test_a_text_that_nobody_approved_shows_the_claims_of_today(client):
    record = RecordFactory(**FIRST)
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    imported_again(record, **SECOND)
    assert shown(client, post) == SECOND
    assert "as it was imported" in client.get(post.get_absolute_url()).content.decode()


def test_a_confirmation_brings_the_newer_claims_and_only_for_the_words_that_they_came_with(client):
    record = RecordFactory(**FIRST)
    post = approved_with(record)
    imported_again(record, **SECOND)
    flags = [flag_post(post, by=person("Staff"), note="Look.").pk]
    post = fresh(post)
    confirm_live(
        post, Decision("approved", post.live_revision.fingerprint, flags_seen=flags, answers=ALL_MET), by=person()
    )
    assert shown(client, post) == SECOND
    # From here on other words are proposed, and the claims of today are theirs.
    import_records({**record, **FIRST, "body": "Other words."})
    flags = [flag_post(post, by=person("Staff"), note="Check again.").pk]
    confirm_live(
        post, Decision("approved", post.live_revision.fingerprint, flags_seen=flags, answers=ALL_MET), by=person()
    )
    assert shown(client, post) == SECOND


def test_an_approval_in_bulk_and_one_for_later_keep_the_claims_of_the_decision(client):
    for approve_it in (_in_bulk, _for_later, _by_plan):
        record = RecordFactory(**FIRST)
        import_records(record)
        post = Post.objects.get(source_id=record["source_id"])
        imported_again(record, **SECOND)
        approve_it(post, lambda: imported_again(record, **FIRST | {"view_count": 11}))  # noqa: B023 (called at once)
        assert shown(client, post) == SECOND, approve_it.__name__


def _in_bulk(post, between):
    (outcome,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert outcome.review
    between()


def _for_later(post, between):
    post = approve(post, release=False)
    between()
    release_revision(post.head_revision, by=person())


def _by_plan(post, between):
    post, reviewer = approve(post, release=False), person()
    due = datetime.now(UTC) + timedelta(hours=1)
    schedule_release(post, Plan(kind="release", due_at=due, zone="UTC", revision=post.head_revision), by=reviewer)
    between()
    (plan,) = run_due(due + timedelta(seconds=1))
    assert plan.state == "done"


def test_going_back_brings_back_the_claims_of_the_approval_that_it_goes_back_to(client):
    record = RecordFactory(**FIRST)
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    imported_again(record, **SECOND)
    first = approve(post).live_revision
    for go_back in ("roll back", "undo"):
        import_records({**record, **FIRST, "view_count": 11, "body": f"Other words, {go_back}."})
        approve(post, by=(reviewer := person()))
        assert shown(client, post) == FIRST | {"view_count": 11}
        if go_back == "undo":
            undo_decision(Review.objects.first(), by=reviewer)
        else:
            roll_back(fresh(post), by=reviewer)
        assert fresh(post).live_revision == first
        assert shown(client, post) == SECOND, go_back


def test_rolling_an_import_back_brings_back_the_claims_of_the_release_before(client):
    record = RecordFactory(**FIRST)
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    imported_again(record, **SECOND)
    approve(post)
    batch = import_records({**record, **FIRST, "view_count": 11, "body": "Other words."})
    approve(post)
    roll_back_batch(batch, by=None)
    assert shown(client, post) == SECOND


def test_typing_or_restoring_the_words_that_are_live_leaves_their_claims(client):
    record = RecordFactory(**FIRST)
    post = approved_with(record)
    imported_again(record, **SECOND)
    editor = person("Editors")
    for bring_back in (
        lambda: record_revision(post, {**fresh(post).working_record(), "body": record["body"]}, by=editor),
        lambda: restore_revision(fresh(post).live_revision, by=editor),
    ):
        record_revision(post, {**fresh(post).working_record(), "body": "Other words."}, by=editor)
        bring_back()
        assert fresh(post).head_revision.fingerprint == fresh(post).live_revision.fingerprint
        assert shown(client, post) == FIRST and fresh(post).is_indexable


def test_an_approval_that_kept_no_claims_shows_those_that_came_with_its_text(client):
    record = RecordFactory(**FIRST)
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    imported_again(record, **SECOND)
    approve(post)
    # As an approval from before claims were kept.
    Review.objects.update(claims=None)
    assert shown(client, post) == FIRST


def test_what_readers_see_is_exported_with_its_claims_and_what_is_proposed_with_those_of_today():
    record = RecordFactory(**FIRST)
    approved_with(record)
    imported_again(record, **SECOND)
    for live, claims in ((True, FIRST), (False, SECOND)):
        stream = io.BytesIO()
        export_posts(stream, live=live)
        line = json.loads(stream.getvalue())
        assert {key: line[key] for key in CLAIMS} == claims


OLD_HASH = "Buy pills at http://evil.example/, 50% off now"


def with_old_hash(post):
    """Return a post from when a hash could be any text."""
    Post.objects.filter(pk=post.pk).update(claimed_hash=OLD_HASH)
    for revision in Revision.objects.filter(post=post):
        Revision.objects.filter(pk=revision.pk).update(snapshot=revision.snapshot | {"hash": OLD_HASH})
    Review.objects.filter(revision__post=post).update(claims=FIRST | {"hash": OLD_HASH})


@pytest.mark.parametrize("released", [False, True])
def test_a_hash_from_before_it_had_to_be_a_digest_breaks_no_page_and_is_shown_on_none(client, superuser, released):
    post = make_post(**FIRST, released=released)
    with_old_hash(post)
    for surface, answer in surfaces(client, post).items():
        assert b"pills" not in answer, surface
    stream = io.BytesIO()
    export_posts(stream, live=released)
    assert import_records(json.loads(stream.getvalue()) | {"source_id": "elsewhere", "slug": "elsewhere"}).created == 1
    client.force_login(superuser)
    for page in ("post_change", "post_preview"):
        assert client.get(reverse(f"admin:posts_{page}", args=[post.pk])).status_code == 200
    first = fresh(post).head_revision
    assert record_revision(post, fresh(post).working_record() | {"summary": "New."}, by=person("Editors"))
    assert restore_revision(first, by=person("Editors"))
    if not released:
        approve(post)
    assert "hash" not in shown(client, post)


def test_a_conflict_kept_from_before_a_hash_had_to_be_a_digest_can_be_settled(client, superuser):
    record = RecordFactory()
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    record_revision(post, post.working_record() | {"summary": "By hand."}, by=person("Editors"))
    (issue,) = import_records({**record, "body": "Other words."}).issues.all()
    issue.raw = json.dumps({**record, "body": "Other words.", "hash": OLD_HASH})
    issue.save()
    client.force_login(superuser)
    assert client.get(reverse("admin:posts_importissue_change", args=[issue.pk])).status_code == 200
    assert take_incoming(issue, by=person("Editors")).snapshot["body"] == "Other words."
    assert fresh(post).claimed_hash == ""


@pytest.mark.parametrize("pointer", ["fingerprint", "revision"])
def test_an_approval_that_was_tampered_with_opens_nothing(client, pointer):
    post, other = make_post(slug="tampered", released=True), make_post(slug="honest", released=True)
    assert audit()[0] == ""
    review = Review.objects.filter(pk=post.live_approval_id)
    # What an UPDATE in SQL does, beside all operations.
    review.update(**{"fingerprint": "0" * 64} if pointer == "fingerprint" else {"revision": other.live_revision})
    assert not Post.objects.indexable().contains(post) and not Post.objects.listed().contains(post)
    assert "the live revision has no valid approval" in fresh(post).index_obstacles
    page = client.get(post.get_absolute_url())
    assert page["X-Robots-Tag"] == "noindex" and b'content="noindex"' in page.content
    assert b"lastReviewed" not in page.content
    for address in (reverse("posts:record", args=[post.slug]), reverse("posts:api-post", args=[post.slug])):
        answer = client.get(address)
        assert answer.json()["review"]["indexable"] is False and answer["X-Robots-Tag"] == "noindex"
    for name in ("posts:articles", "posts:home", "posts:feed", "posts:json-feed", "posts:api-posts"):
        answer = client.get(reverse(name)).content
        assert b"/posts/tampered/" not in answer and b"/posts/honest/" in answer, name
    # The sitemap reads rows that the operations keep; until they are written again the audit says so.
    error, lines = audit()
    assert "1 mismatch" in error and "/posts/tampered/: the sitemap says open, the rule closed." in lines
    rebuild_lists()
    assert not ListedText.objects.filter(post=post).exists()
    assert audit()[0] == ""
    assert AuditEntry.objects.filter(post=post, action="approved").exists()
