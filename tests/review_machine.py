"""Random lives of two posts: everything that people, imports and clocks can do to them, in any order.

What must hold after every step is checked by the invariants; the machine keeps its own books of who approved what.
"""

import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from posts.models import AuditEntry, Post, PostTerm, Release, Review, ReviewFlag, Revision, ScheduledRelease
from posts.operations import (
    Answers,
    Decision,
    Plan,
    Refused,
    cancel_schedule,
    clear_flag,
    confirm_live,
    decide,
    decide_many,
    flag_by_check,
    flag_post,
    record_revision,
    release_revision,
    report_problem,
    restore_revision,
    roll_back,
    run_due,
    schedule_release,
    submit_revision,
    undo_decision,
    withdraw_post,
)
from posts.records.schema import fingerprint_of
from posts.records.versions import BUMPS
from tests.factories import ALL_MET, RecordFactory, import_records, person
from tests.trials import trial

WORDS = ("one", "two", "three", "four")
POSTS = (0, 1)
SOURCE_IDS = ("life-a", "life-b")
GROWING = (Revision, Review, Release, ReviewFlag, ScheduledRelease, AuditEntry)

posts = st.sampled_from(POSTS)
words = st.sampled_from(WORDS)
editors = st.sampled_from(("editor", "second editor"))
reviewers = st.sampled_from(("reviewer", "second reviewer", "third reviewer"))
steps_taken = 0


def decide_on(*, post, by, **said):
    """Decide as decide() does, with its Decision spelled out."""
    return decide(post, Decision(**said), by=by)


def plan_for(*, post, by, now, **said):
    """Plan as schedule_release() does, with its Plan spelled out."""
    return schedule_release(post, Plan(**said), by=by, now=now)


class ReviewMachine(RuleBasedStateMachine):
    """Each example runs in a transaction that is rolled back at its end."""

    def __init__(self):
        super().__init__()
        self.transaction = trial()
        self.transaction.__enter__()
        self.people = {name: person("Editors") for name in ("editor", "second editor")}
        self.people |= {name: person("Reviewers") for name in ("reviewer", "second reviewer", "third reviewer")}
        self.people["staff"] = person("Staff")
        self.now = timezone.now()
        # (post, fingerprint) of every text that a person approved alone and nobody took back since.
        self.approved_alone = set()
        # (post, fingerprint) → who wrote a text first: a person, or None where an import brought it.
        self.writers = {}
        self.hashed = set()
        self.counts = dict.fromkeys(GROWING, 0)

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @initialize()
    def begin(self):
        import_records(*(self.record(source_id, "one") for source_id in SOURCE_IDS))
        for number in POSTS:
            self.note_writer(number, None)

    # The acts

    def note_writer(self, number, by):
        """Record who wrote the proposed text, unless this text was there before.

        Only one of the words ever changes, so that a text belongs to its last writer.
        """
        post = self.post(number)
        self.writers.setdefault((post.pk, post.head_revision.fingerprint), by)

    def record(self, source_id, text, checklist=("true",)):
        return RecordFactory(source_id=source_id, title=f"Post {source_id}", summary=text, checklist=list(checklist))

    def post(self, number):
        return Post.objects.with_texts().get(source_id=SOURCE_IDS[number])

    def act(self, operation, **said):
        """Run one operation; a refusal must leave no trace, and what was done must leave an entry in the trail."""
        global steps_taken
        steps_taken += 1
        before = self.state()
        entries = AuditEntry.objects.count()
        refusal = None
        try:
            with trial():
                result = operation(**said)
        except (Refused, PermissionDenied) as error:
            refusal = error
        if refusal:
            assert self.state() == before, f"a refusal changed something: {refusal}"
            return None
        if self.state() != before:
            assert AuditEntry.objects.count() > entries, f"{operation.__name__} left no entry"
        return result

    def state(self):
        """Return every row that an operation may touch, without the columns that are as good as their fingerprint."""
        texts = ("snapshot", "body", "intro", "payload", "ticks")
        return [
            list(
                model.objects.order_by("pk").values_list(
                    *(column.attname for column in model._meta.concrete_fields if column.attname not in texts)
                )
            )
            for model in (Post, Revision, Review, Release, ReviewFlag, ScheduledRelease, PostTerm)
        ]

    @rule(number=posts, text=words, by=editors, bump=st.sampled_from(BUMPS), stale=st.booleans())
    def edit(self, number, text, by, bump, stale):
        post = self.post(number)
        opened = post.revisions.order_by("number").first().pk if stale else post.head_revision_id
        record = {**post.working_record(), "summary": text}
        head, approval = post.head_revision, post.live_approval_id
        saved = self.act(
            record_revision, post=post, data=record, by=self.people[by], bump=bump, expected_head_id=opened
        )
        if saved:
            self.note_writer(number, self.people[by])
        after = self.post(number)
        assert after.live_revision_id == post.live_revision_id, "an edit moved what readers see"
        if head.snapshot["summary"] == text:
            assert saved is None and after.head_revision == head and after.live_approval_id == approval

    @rule(number=posts, by=reviewers, text=words)
    def edit_as_reviewer(self, number, by, text):
        post = self.post(number)
        if self.act(record_revision, post=post, data={**post.working_record(), "summary": text}, by=self.people[by]):
            self.note_writer(number, self.people[by])

    @rule(number=posts, text=words)
    def import_again(self, number, text):
        global steps_taken
        steps_taken += 1
        live = self.post(number).live_revision_id
        import_records(self.record(SOURCE_IDS[number], text))
        assert self.post(number).live_revision_id == live, "an import moved what readers see"
        self.note_writer(number, None)

    @rule(number=posts, by=editors)
    def submit(self, number, by):
        self.act(submit_revision, post=self.post(number), by=self.people[by])

    @rule(
        number=posts, by=reviewers, release=st.booleans(), answered=st.booleans(), flags_read=st.booleans(),
        which=st.sampled_from(("head", "head", "head", "first", "live")),
    )  # fmt: skip
    def approve(self, number, by, release, answered, flags_read, which):
        post = self.post(number)
        first = post.revisions.order_by("number").first()
        text = {"head": post.head_revision, "first": first, "live": post.live_revision or first}[which]
        flags = post.review_flags.filter(cleared_at=None).values_list("pk", flat=True) if flags_read else ()
        review = self.act(
            decide_on,
            post=post,
            by=self.people[by],
            outcome="approved",
            fingerprint=text.fingerprint,
            answers=ALL_MET if answered else Answers(),
            flags_seen=list(flags),
            release=release,
        )
        if review:
            assert answered and text.fingerprint == post.head_revision.fingerprint
        if review and review.outcome == Review.Outcome.APPROVED:
            self.approved_alone.add((post.pk, review.fingerprint))

    @rule(number=posts, by=reviewers, outcome=st.sampled_from(("changes_requested", "rejected")))
    def turn_down(self, number, by, outcome):
        post = self.post(number)
        self.act(
            decide_on,
            post=post,
            by=self.people[by],
            outcome=outcome,
            fingerprint=post.head_revision.fingerprint,
            comment="No.",
        )

    @rule(number=posts, by=reviewers, outcome=st.sampled_from(Review.CHOICES), release=st.booleans())
    def decide_and_take_back(self, number, by, outcome, release):
        post = self.post(number)
        before = self.stand(post)
        review = self.act(
            decide_on,
            post=post,
            by=self.people[by],
            outcome=outcome,
            fingerprint=post.head_revision.fingerprint,
            answers=ALL_MET,
            flags_seen=list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
            comment="Hasty.",
            release=release,
        )
        if review:
            assert self.act(undo_decision, review=review, by=self.people[by]), "a decision could not be taken back"
            assert self.stand(self.post(number)) == before, "taking back left something changed"

    def stand(self, post):
        """Return what readers, search engines and the queue see of a post."""
        pointers = (post.live_revision_id, post.live_approval_id, post.head_revision_id, post.head_revision.status)
        flags = set(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True))
        terms = set(post.post_terms.values_list("term", "published_at"))
        moments = (post.first_published_at, post.last_published_at, post.withdrawn_at)
        places = (post.visible_revision, post.index_obstacles, post.awaits_review, post.held)
        return pointers, flags, terms, moments, places

    @rule(number=posts, by=reviewers)
    def take_back_the_last(self, number, by):
        post = self.post(number)
        review = Review.objects.filter(revision__post=post, undone_at=None).order_by("-pk").first()
        if review and self.act(undo_decision, review=review, by=self.people[by]):
            alone = Review.objects.filter(
                revision__post=post, fingerprint=review.fingerprint, outcome="approved", revoked_at=None, is_bulk=False
            )
            if not alone.exists():
                self.approved_alone.discard((post.pk, review.fingerprint))

    @rule(by=reviewers)
    def approve_in_bulk(self, by):
        choices = [(post.pk, post.head_revision.fingerprint) for post in map(self.post, POSTS)]
        open_before = set(Post.objects.indexable().values_list("pk", flat=True))
        self.act(decide_many, choices=choices, by=self.people[by], outcome="approved")
        assert set(Post.objects.indexable().values_list("pk", flat=True)) <= open_before, "bulk opened the index"

    @rule(number=posts, by=reviewers, flags_read=st.booleans())
    def confirm(self, number, by, flags_read):
        post = self.post(number)
        if post.live_revision is None:
            return
        flags = post.review_flags.filter(cleared_at=None).values_list("pk", flat=True) if flags_read else ()
        review = self.act(
            confirm_live,
            post=post,
            by=self.people[by],
            decision=Decision("approved", post.live_revision.fingerprint, flags_seen=list(flags), answers=ALL_MET),
        )
        if review and review.outcome == Review.Outcome.APPROVED:
            self.approved_alone.add((post.pk, review.fingerprint))

    @rule(number=posts, index=st.integers(0, 20), by=reviewers, ends=st.booleans())
    def release(self, number, index, by, ends):
        post = self.post(number)
        texts = list(post.revisions.order_by("-number"))
        self.act(release_revision, revision=texts[index % len(texts)], by=self.people[by], ends_withdrawal=ends)

    @rule(number=posts, by=reviewers, index=st.one_of(st.none(), st.integers(0, 20)))
    def take_back(self, number, by, index):
        post = self.post(number)
        texts = list(post.revisions.order_by("-number"))
        to = texts[index % len(texts)] if index is not None else None
        left = post.live_revision
        release = self.act(roll_back, post=post, by=self.people[by], to=to, why="Wrong.")
        if release:
            assert release.revision.fingerprint != left.fingerprint
            assert not to or release.revision.fingerprint == to.fingerprint
            self.approved_alone.discard((post.pk, left.fingerprint))
            assert self.post(number).head_revision == post.head_revision

    @rule(number=posts, by=st.sampled_from(("reviewer", "staff")))
    def withdraw(self, number, by):
        self.act(withdraw_post, post=self.post(number), by=self.people[by])

    @rule(number=posts, index=st.integers(0, 20), by=editors)
    def restore(self, number, index, by):
        post = self.post(number)
        texts = list(post.revisions.order_by("-number"))
        text = texts[index % len(texts)]
        restored = self.act(restore_revision, revision=text, by=self.people[by])
        if restored:
            assert restored.fingerprint == text.fingerprint == self.post(number).head_revision.fingerprint
            assert self.post(number).live_revision_id == post.live_revision_id

    @rule(number=posts, by=st.sampled_from(("staff", "reviewer", "editor")))
    def flag(self, number, by):
        if self.act(flag_post, post=self.post(number), by=self.people[by], note="Look."):
            assert not self.post(number).is_indexable

    @rule(number=posts, on_live=st.booleans())
    def find_by_rule(self, number, on_live):
        post = self.post(number)
        text = post.live_revision if on_live and post.live_revision else post.head_revision
        answered = post.review_flags.filter(rule="twins", fingerprint=text.fingerprint, cleared_at__isnull=False)
        was_answered = answered.exists()
        raised = self.act(flag_by_check, post=post, rule="twins", fingerprint=text.fingerprint)
        assert not (was_answered and raised), "a rule asked again what a person had answered"

    @rule(number=posts)
    def clear(self, number):
        flag = self.post(number).review_flags.filter(cleared_at=None).first()
        if flag:
            self.act(clear_flag, flag=flag, by=self.people["staff"], note="Looked.")

    @rule(number=posts)
    def report(self, number):
        post = self.post(number)
        before = post.is_indexable
        try:
            with trial():
                report_problem(post, reason="facts", address="192.0.2.1")
        except Refused:
            pass
        assert self.post(number).is_indexable is before, "a reader's report moved the index"

    @rule(number=posts, by=reviewers, kind=st.sampled_from(("release", "withdraw")), hours=st.integers(1, 5))
    def plan(self, number, by, kind, hours):
        post = self.post(number)
        self.act(
            plan_for,
            post=post,
            by=self.people[by],
            kind=kind,
            revision=post.head_revision if kind == "release" else None,
            due_at=self.now + datetime.timedelta(hours=hours),
            zone="UTC",
            ends_withdrawal=True,
            now=self.now,
        )

    @rule(number=posts, by=reviewers)
    def cancel(self, number, by):
        plan = self.post(number).scheduled_releases.filter(state="waiting").first()
        if plan:
            self.act(cancel_schedule, plan=plan, by=self.people[by])

    @rule(hours=st.integers(1, 6))
    def time_passes(self, hours):
        self.now += datetime.timedelta(hours=hours)
        self.act(run_due, now=self.now)
        assert self.act(run_due, now=self.now) == [], "a second run did something"

    # What always holds

    @invariant()
    def only_what_a_person_approved_alone_is_open(self):
        for post in Post.objects.with_texts():
            if post.is_indexable:
                assert (post.pk, post.live_revision.fingerprint) in self.approved_alone

    @invariant()
    def nothing_is_live_that_only_its_writer_has_read(self):
        for post in Post.objects.with_texts().filter(live_revision__isnull=False):
            fingerprint = post.live_revision.fingerprint
            writer = self.writers[post.pk, fingerprint]
            approved = Review.objects.filter(
                revision__post=post, fingerprint=fingerprint, outcome__startswith="approved"
            )
            assert writer is None or approved.exclude(reviewer=writer).exists(), f"{writer} alone read {post}"

    @invariant()
    def both_rules_agree(self):
        listed = set(Post.objects.indexable().values_list("pk", flat=True))
        visible = set(Post.objects.visible().values_list("pk", flat=True))
        for post in Post.objects.with_texts():
            assert (post.pk in listed) is post.is_indexable
            assert (post.pk in visible) is (post.visible_revision is not None)
            assert post.post_terms.exists() is post.is_indexable
            assert post.needs_human_review is post.review_flags.filter(cleared_at=None).exists()

    @invariant()
    def history_only_grows(self):
        for model, before in self.counts.items():
            self.counts[model] = model.objects.count()
            assert self.counts[model] >= before

    @invariant()
    def the_working_copy_is_the_head_and_snapshots_are_what_was_hashed(self):
        for post in Post.objects.with_texts():
            assert fingerprint_of(post.working_record()) == post.head_revision.fingerprint
            numbers = list(post.revisions.order_by("number").values_list("number", flat=True))
            assert numbers == list(range(1, len(numbers) + 1))
            for text in (post.head_revision, post.live_revision):
                if text is not None and text.pk not in self.hashed:
                    assert fingerprint_of(text.snapshot) == text.fingerprint
                    self.hashed.add(text.pk)
            assert post.live_approval is None or post.live_approval.revision_id == post.live_revision_id

    @invariant()
    def what_waits_is_undecided(self):
        for post in Post.objects.waiting().select_related("head_revision"):
            assert post.head_revision.status in Revision.UNDECIDED
