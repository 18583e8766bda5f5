from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count, islice
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from posts.accounts.passwords import DEMO_PASSWORD
from posts.importing.pipeline import import_posts
from posts.listing.rebuild import rebuild_lists
from posts.listing.site_stats import store_site_stats
from posts.management.base import BaseCommand
from posts.management.demo_calendar import BEFORE_ALL, WEEKS, import_moment, moments, move_to, working_at
from posts.models import AccountState, Origin, Post, Review, ReviewGuideline
from posts.operations import (
    Answers,
    approval_obstacles,
    decide,
    flag_post,
    record_revision,
    roll_back,
    submit_revision,
    undo_decision,
    withdraw_post,
)
from posts.operations.frame import operating
from posts.operations.guideline import points_asked
from posts.operations.review import Decision
from posts.records.schema import RecordDict
from posts.review_queue.ranking import rank_queue
from posts.review_queue.scoring import score_new
from posts.synthesis.lines import as_line, as_stream
from posts.synthesis.plants import Plant, synthesize_planted
from posts.synthesis.written import written_records

PEOPLE = {"editor": "Editors", "reviewer": "Reviewers", "reviewer2": "Reviewers", "staff": "Staff"}

# Who wrote the texts of posts/synthesis/articles/: a language model, on behalf of the developers.
WRITTEN_BY = Origin.TRAINED_MODEL
POSTS = 200
# One import a week, and one more that nobody has looked at yet.
A_WEEK = 19
# Few enough that each has lists and related posts to show.
STACKS = frozenset(
    {
        "Django services",
        "FastAPI services",
        "Celery workers",
        "PostgreSQL databases",
        "Redis caches",
        "Node services",
        "Go services",
        "Spring Boot services",
        "Kafka consumers",
        "Rails applications",
        "Axum services",
        "React front ends",
        "Kubernetes clusters",
        "container images",
        "GitHub Actions workflows",
        "Terraform modules",
        "nginx edges",
        "systemd hosts",
        "Prometheus servers",
        "shell scripts on Linux hosts",
    }
)
# What a reviewer should find in the queue. Such posts are never approved.
PLAN = {"code": 0.03, "claims": 0.03, "twin": 0.03, "foreign-images": 0.03, "scripts": 0.02}
# The last weeks belong to the written articles, so that these are the newest on the home page.
WEEKS_OF_ARTICLES = 2
# How many of a week's posts are still pending: the older, the fewer.
LEFT = (0, 1, 1, 2, 2, 3, 4, 5)

EXPECTED_RESULTS = (
    "Readers who search for the symptom find the cause on the first screen.",
    "Fewer questions about this in the support channel by the end of the month.",
    "The page replaces the old entry in the handbook.",
    "At least half of the readers reach the checklist.",
)
ROLLBACK_NOTES = (
    "Roll back to the previous version. Nothing else depends on this page.",
    "Withdraw it, and tell the owner of the handbook page that links here.",
    "Roll back at once if someone reports that the code causes damage.",
)
APPROVALS = (
    "Read twice, and ran the code once.",
    "The figures are consistent, and the text says where the advice ends.",
    "Checked with a colleague who runs this in production.",
    "",
    "The command in the second section works as described.",
    "",
)
# By kind of what is planted, else for an ordinary post.
CHANGES_ASKED = {
    "code": ("code", "The first code block does not parse. Please run it once before you submit it again."),
    "claims": ("claims", "The record says something about itself that the text contradicts. Correct one of the two."),
    "foreign-images": ("images", "One picture is on a host that we do not allow. Use one of the four providers."),
    "scripts": ("language", "The title and the article are in different languages. Which one is meant?"),
    "": ("facts", "The section about the cause says “never”. I know a case where it happens; name the condition."),
}
ALSO_ASKED = (
    ("code", "The example does not say which version it needs. Add it above the code."),
    ("facts", "Where do the figures come from? One sentence about the machine is enough."),
)
REJECTIONS = {
    "twin": ("repeats", "We already have this article under another title, and the text is nearly the same."),
    "code": ("harm", "Anyone who runs the code on a live system could lose data."),
    "": ("other", "Outside our subject: none of our readers runs this."),
}
FLAG_NOTES = (
    "A reader writes that the command has a new name. Please check.",
    "Legal want to look at the photograph before this stays online.",
    "The improvement looks too good. Who measured it?",
    "The article names a product of a partner. Please read it again.",
)
EDITS = (
    ("Named the versions", "\n\nAll commands were tried with the versions that were current in spring."),
    ("Added a warning", "\n\nOne warning: try this on a copy first. The steps are quick to run and slow to undo."),
    ("Answered a question from a reader", "\n\nA reader asked whether this works without a restart. It does."),
    ("Named the owner", "\n\nQuestions about this page go to the team that is named at the top of the handbook."),
)

Step = Callable[[], object]


def answers_of(record: RecordDict, reason: str = "") -> Answers:
    """Return answers to every point of the guideline: met, except for those that lead to the reason of a decision."""
    asked = points_asked(record)
    Answer = Review.Answer
    given = {point.key: Answer.NOT_MET if point.reason_code == reason else Answer.MET for point in asked.points}
    return Answers(given=given, version=asked.version)


class Command(BaseCommand):
    help = "Fill an empty site with demo accounts and posts in every state (DEBUG only). Does nothing if they exist."

    def handle(self, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("Demo accounts have a known password. They are created only with DEBUG on.")
        self.make_people()
        if not Review.objects.exists():
            made, written = list(planted_records()), written_records()
            ids = {record["source_id"] for record in (*(record for record, _ in made), *written)}
            # Fewer posts than all mean an interrupted start. A site with other posts is left alone.
            if ids.issuperset(Post.objects.values_list("source_id", flat=True)[: len(ids) + 1]):
                import_all(made, written)
                with operating():
                    Desk().work(batched(made, A_WEEK), written)
                    # Lists, ranks and counts follow the dates of the decisions.
                    rebuild_lists()
                    rank_queue()
                    score_new()
                    store_site_stats()
                self.stdout.write(f"{len(ids)} demo posts are ready, in every state.")
        self.stdout.write(f"Accounts: {', '.join([*PEOPLE, 'admin'])}. The password of each is {DEMO_PASSWORD}")

    @transaction.atomic
    def make_people(self) -> None:
        missing = {*PEOPLE, "admin"}.difference(User.objects.values_list("username", flat=True))
        # Hashing is slow on purpose, so the one known password is hashed once.
        password = make_password(DEMO_PASSWORD) if missing else ""
        for name in sorted(missing):
            person = User.objects.create(
                username=name, password=password, is_staff=True, is_superuser=name not in PEOPLE
            )
            if name in PEOPLE:
                person.groups.add(Group.objects.get(name=PEOPLE[name]))
            AccountState.objects.create(user=person, is_demo=True)


Made = tuple[RecordDict, Plant | None]
T = TypeVar("T")


def batched(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def planted_records() -> Iterator[Made]:
    """Return (record, what is planted in it or None) of the first POSTS seeds whose post is about one of STACKS."""
    records = (synthesize_planted(seed, PLAN) for seed in count(1))
    return islice((made for made in records if made[0]["stack"][0] in STACKS), POSTS)


def demo_records() -> Iterator[RecordDict]:
    return (record for record, _ in planted_records())


def import_all(made: list[Made], written: list[RecordDict]) -> None:
    """Import the generated posts, a batch for each week, and the written articles before their weeks."""
    today = timezone.localdate()
    # What an interrupted start left.
    move_to(import_moment(0, today), since=BEFORE_ALL)
    # The first decision answers it.
    ReviewGuideline.objects.update(created_at=import_moment(0, today) - timedelta(days=1))
    for week, posts in enumerate(batched(made, A_WEEK)):
        lines = as_stream(as_line(record) for record, _ in posts)
        with working_at(import_moment(week, today)):
            import_posts(lines, name=f"demo posts, week {week + 1}", origin=Origin.FIXED_ALGORITHM)
        if week == WEEKS - WEEKS_OF_ARTICLES:
            with working_at(import_moment(week, today)):
                import_posts(as_stream(map(as_line, written)), name="demo articles", origin=WRITTEN_BY)


class Desk:
    """The demo people at work: each step is a real operation, with the words that a person might write."""

    def __init__(self) -> None:
        self.people = {user.username: user for user in User.objects.filter(username__in=PEOPLE)}
        self.editor, self.staff = self.people["editor"], self.people["staff"]
        self.posts = Post.objects.in_bulk(field_name="source_id")
        self.steps = 0

    def reviewer_of(self, post: Post) -> User:
        """Return the one of the two reviewers who looks at this post."""
        return self.people["reviewer2" if post.pk % 3 == 0 else "reviewer"]

    def work(self, weeks: list[Sequence[Made]], written: list[RecordDict]) -> None:
        """Approve most posts of the first weeks; release the articles, edit and answer in the last ones."""
        first = WEEKS - WEEKS_OF_ARTICLES
        approved: list[Post] = []
        pending: list[Made] = []
        for week, made in enumerate(weeks[:first]):
            sound = [one for one in made if one[1] is None]
            taken = sound[: len(sound) - LEFT[week]]
            pending += [one for one in made if one not in taken]
            posts = [self.posts[record["source_id"]] for record, _ in taken]
            self.at_work(week, [partial(self.approve_into, approved, post) for post in posts])
        pending += [one for made in weeks[first:-1] for one in made]
        others = [*self.second_looks(approved), *self.answers(pending)]
        for week, articles in enumerate(batched(written, -(-len(written) // WEEKS_OF_ARTICLES)), first):
            releases: list[Step] = [
                partial(self.approve_or_fail, self.posts[record["source_id"]]) for record in articles
            ]
            half = others[week - first :: WEEKS_OF_ARTICLES]
            # The articles are spread over the days like the other work.
            self.at_work(week, spread(half, releases))

    def at_work(self, week: int, steps: list[Step]) -> None:
        """Do the steps in this order, and date what each of them wrote."""
        for moment, step in zip(moments(week, len(steps), timezone.localdate()), steps, strict=True):
            with working_at(moment):
                step()

    def second_looks(self, approved: list[Post]) -> list[Step]:
        """Return what happens to articles that are online: edited, rolled back, withdrawn, flagged."""
        rolled_back, withdrawn, *edited = approved[::9]
        steps: list[Step] = [
            partial(self.roll_back, rolled_back),
            partial(withdraw_post, withdrawn, by=self.staff, why="The vendor changed the licence of the product."),
        ]
        steps += [partial(self.revise, post, is_submitted=number % 2 == 0) for number, post in enumerate(edited)]
        return steps + [partial(self.flag, post) for post in approved[4::23]]

    def answers(self, pending: list[Made]) -> list[Step]:
        """Return what happens to posts that are not approved."""
        left = [(self.posts[record["source_id"]], plant.kind if plant else "") for record, plant in pending]

        def next_of(kind: str) -> Post:
            found = next(one for one in left if one[1] == kind)
            left.remove(found)
            return found[0]

        asked, rejected = Review.Outcome.CHANGES_REQUESTED, Review.Outcome.REJECTED
        steps: list[Step] = [partial(self.answer, next_of(kind), asked, *why) for kind, why in CHANGES_ASKED.items()]
        steps += [partial(self.answer, next_of(""), asked, *why) for why in ALSO_ASKED]
        steps += [partial(self.answer, next_of(kind), rejected, *why) for kind, why in REJECTIONS.items()]
        steps += [partial(self.flag, next_of("")) for _ in range(4)]
        steps += [partial(self.revise, next_of(""), is_submitted=True) for _ in range(6)]
        return [*steps, partial(self.slip, next_of(""))]

    def approve_into(self, approved: list[Post], post: Post) -> None:
        if self.approve(post):
            approved.append(post)

    def approve_or_fail(self, post: Post) -> None:
        if not self.approve(post):
            raise CommandError(f"The article “{post.title}” of the demo can't be approved.")

    def approve(self, post: Post) -> bool:
        """Approve and release the proposed text; return whether there was no obstacle."""
        post, reviewer = Post.objects.get(pk=post.pk), self.reviewer_of(post)
        head = post.head_revision
        decision = Decision(
            Review.Outcome.APPROVED,
            head.fingerprint,
            answers=answers_of(head.snapshot),
            flags_seen=list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
            owner=self.editor,
            seconds_spent=150 + 17 * (post.pk % 23),
        )
        if approval_obstacles(post, decision, by=reviewer):
            return False
        decision = replace(
            decision,
            comment=self.next_of(APPROVALS),
            expected_result=self.next_of(EXPECTED_RESULTS),
            rollback_note=self.next_of(ROLLBACK_NOTES),
        )
        decide(post, decision, by=reviewer)
        return True

    def answer(self, post: Post, outcome: Review.Outcome, reason: str, comment: str) -> None:
        decide(
            post,
            Decision(
                outcome=outcome,
                fingerprint=post.head_revision.fingerprint,
                answers=answers_of(post.head_revision.snapshot, reason),
                reason_code=reason,
                comment=comment,
                seconds_spent=90 + 13 * (post.pk % 19),
            ),
            by=self.reviewer_of(post),
        )

    def revise(self, post: Post, *, is_submitted: bool) -> None:
        """Add a paragraph to the end of the proposed text, and submit it."""
        why, paragraph = self.next_of(EDITS)
        record = Post.objects.get(pk=post.pk).head_revision.snapshot
        record_revision(post, {**record, "body": record["body"] + paragraph}, by=self.editor, why=why)
        if is_submitted:
            submit_revision(post, by=self.editor)

    def roll_back(self, post: Post) -> None:
        """Approve an edited text, and roll it back."""
        self.revise(post, is_submitted=True)
        self.approve(post)
        roll_back(post, by=self.reviewer_of(post), why="Two readers could not follow the new paragraph.")

    def slip(self, post: Post) -> None:
        """Approve by mistake, and undo it at once: the post is pending again."""
        self.approve(post)
        review = Review.objects.get(revision=post.head_revision_id)
        undo_decision(review, by=review.reviewer)

    def flag(self, post: Post) -> None:
        flag_post(post, by=self.staff, note=self.next_of(FLAG_NOTES))

    def next_of(self, texts: Sequence[T]) -> T:
        """Return one text after the other, so that neighbours in a list differ."""
        self.steps += 1
        return texts[self.steps % len(texts)]


def spread(many: list[Step], few: list[Step]) -> list[Step]:
    """Return both in their order, with the few at even distances among the many."""
    mixed = list(many)
    for number, step in enumerate(few):
        mixed.insert((number + 1) * len(many) // (len(few) + 1) + number, step)
    return mixed
