from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import QuerySet

from posts.importing.pipeline import import_posts
from posts.management.base import BaseCommand
from posts.models import Origin, Post, Review
from posts.operations import (
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
from posts.operations.review import Decision
from posts.records.schema import RecordDict
from posts.synthesis.lines import as_line, as_stream
from posts.synthesis.plants import synthesize_planted
from posts.synthesis.written import written_records

PASSWORD = "alphanode-demo"  # noqa: S105 (printed, and made with DEBUG on only)
PEOPLE = {"editor": "Editors", "reviewer": "Reviewers", "staff": "Staff"}

# Who wrote the texts of posts/synthesis/articles/: a language model, on behalf of the developers.
WRITTEN_BY = Origin.TRAINED_MODEL
POSTS = 200
# Few enough that each has lists and related posts to show.
STACKS = frozenset(
    {
        "Django services",
        "PostgreSQL databases",
        "Go services",
        "Kubernetes clusters",
        "React front ends",
        "Kafka consumers",
        "Rails applications",
        "Axum services",
        "GitHub Actions workflows",
        "shell scripts on Linux hosts",
    }
)
# What a reviewer should find in the queue.
PLAN = {"code": 0.03, "claims": 0.03, "twin": 0.03, "foreign-images": 0.03, "scripts": 0.02}

EXPECTED_RESULTS = (
    "Readers who search for the symptom find the cause on the first screen.",
    "The page answers what support is asked about once a week.",
    "Fewer questions about this in the team's channel; we count them until the end of the month.",
    "At least half of those who open it read as far as the checklist.",
)
ROLLBACK_NOTES = (
    "Roll back to the version before. Nothing else depends on this page.",
    "Withdraw it, and tell the owner of the runbook that links here.",
    "Roll back at once if somebody reports that the code does harm; ask afterwards.",
)
APPROVALS = (
    "Read twice, and the code run once.",
    "The figures fit together, and the limits of the advice are named.",
    "I asked a colleague who runs this; she agrees.",
    "",
)
CHANGES_ASKED = (
    (
        "facts",
        "The part about the cause says always; I know of a case where it isn't so. Name the condition.",
    ),
    ("code", "The example doesn't say which version it needs. Add it above the code."),
    ("language", "The third section repeats the second. One of them can go."),
    ("images", "The second picture says nothing that the text does not. Choose another, or leave it out."),
    ("claims", "It says that it holds pictures and a short text; please look at both once more."),
    ("facts", "Where do the figures come from? One sentence about the machine is enough."),
)
REJECTIONS = (
    ("repeats", "We have this already, with better figures. Nothing to add to it."),
    ("harm", "Whoever follows the second step on a live system loses data."),
    ("other", "Not our subject: nobody here runs this."),
)
FLAG_NOTES = (
    "A reader writes that the command has changed its name. Please check.",
    "Legal ask to look at the photograph before this stays online.",
    "The figures look too good; who has measured them?",
    "Names a product that we are under contract with. Somebody should read it.",
)
EDITS = (
    ("Named the version", "\n\nAll of this was tried with the versions that were current in spring."),
    ("Added a warning", "\n\nOne warning: try it on a copy first. The steps are quick, and undoing them is not."),
    ("Answered a question from the comments", "\n\nSeveral people asked whether it works without a restart. It does."),
    ("Pointed at the owner", "\n\nQuestions go to the team whose name stands at the top of the runbook."),
)


Text = TypeVar("Text")


class Command(BaseCommand):
    help = "Fill an empty site with demo accounts and posts in every state (DEBUG only). Does nothing if they exist."

    def handle(self, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("Demo accounts have a known password. They are created only with DEBUG on.")
        self.make_people()
        if not Review.objects.exists():
            made, written = list(demo_records()), written_records()
            ids = {record["source_id"] for record in (*made, *written)}
            # Fewer posts than all mean an interrupted start. A site with other posts is left alone.
            if ids.issuperset(Post.objects.values_list("source_id", flat=True)[: len(ids) + 1]):
                import_posts(as_stream(map(as_line, made)), name="demo posts", origin=Origin.FIXED_ALGORITHM)
                import_posts(as_stream(map(as_line, written)), name="demo articles", origin=WRITTEN_BY)
                with operating():
                    desk = Desk()
                    desk.work(posts_of(made))
                    # Released last: the newest articles lead the home page.
                    desk.release(posts_of(written))
                self.stdout.write(f"{len(ids)} demo posts are ready, in every state.")
        self.stdout.write(f"Accounts: {', '.join([*PEOPLE, 'admin'])}. The password of each is {PASSWORD}")

    @transaction.atomic
    def make_people(self) -> None:
        missing = {*PEOPLE, "admin"}.difference(User.objects.values_list("username", flat=True))
        # Hashing is slow on purpose, so the one known password is hashed once.
        password = make_password(PASSWORD) if missing else ""
        for name in sorted(missing):
            person = User.objects.create(
                username=name, password=password, is_staff=True, is_superuser=name not in PEOPLE
            )
            if name in PEOPLE:
                person.groups.add(Group.objects.get(name=PEOPLE[name]))


def demo_records() -> Iterator[RecordDict]:
    """Return the records of the first POSTS seeds whose post is about one of STACKS."""
    records = (synthesize_planted(seed, PLAN)[0] for seed in count(1))
    return islice((record for record in records if record["stack"][0] in STACKS), POSTS)


def posts_of(records: Iterable[RecordDict]) -> QuerySet[Post]:
    """Return the posts of these records in the order of their identities."""
    return Post.objects.filter(source_id__in=[record["source_id"] for record in records]).order_by("source_id")


class Desk:
    """The demo people at work: each step is a real operation, with the words that a person might write."""

    def __init__(self) -> None:
        self.editor, self.reviewer, self.staff = (User.objects.get(username=name) for name in PEOPLE)
        self.steps = 0

    def work(self, posts: Iterable[Post]) -> None:
        """Approve most posts, answer some of the others, and leave the rest pending.

        A post that can't be approved (an image from a host that isn't allowed) stays pending.
        """
        approved: list[Post] = []
        waiting: list[Post] = []
        for number, post in enumerate(posts):
            (waiting if number % 5 in (1, 3) or not self.approve(post) else approved).append(post)

        rolled_back, withdrawn, *edited = approved[::7]
        self.edit(rolled_back)
        submit_revision(rolled_back, by=self.editor)
        self.approve(rolled_back)
        roll_back(rolled_back, by=self.reviewer, why="Two readers could not follow the new paragraph.")
        withdraw_post(withdrawn, by=self.staff, why="The vendor changed the licence; we no longer advise this.")
        for number, post in enumerate(edited):
            self.edit(post)
            if number % 2:
                submit_revision(post, by=self.editor)
        for post in approved[3::17]:
            self.flag(post)

        todo = iter(waiting)
        for reason, comment in CHANGES_ASKED:
            self.answer(next(todo), Review.Outcome.CHANGES_REQUESTED, reason, comment)
        for reason, comment in REJECTIONS:
            self.answer(next(todo), Review.Outcome.REJECTED, reason, comment)
        for post in islice(todo, 4):
            self.flag(post)
        for post in islice(todo, 8):
            self.edit(post)
            submit_revision(post, by=self.editor)
        # An approval by mistake, undone at once: the post is pending again.
        slip = next(post for post in todo if self.approve(post))
        undo_decision(Review.objects.get(revision=slip.head_revision_id), by=self.reviewer)

    def release(self, posts: Iterable[Post]) -> None:
        """Approve and release all of them."""
        for post in posts:
            self.approve(post)

    def approve(self, post: Post) -> bool:
        """Approve and release the proposed text; return whether there was no obstacle."""
        post = Post.objects.get(pk=post.pk)
        head = post.head_revision
        answers = {
            "ticks": head.snapshot.get("checklist", ()),
            "flags_seen": list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
        }
        if approval_obstacles(post, by=self.reviewer, **answers):
            return False
        decide(
            post,
            Decision(
                outcome=Review.Outcome.APPROVED,
                fingerprint=head.fingerprint,
                comment=self.next_of(APPROVALS),
                owner=self.editor,
                expected_result=self.next_of(EXPECTED_RESULTS),
                rollback_note=self.next_of(ROLLBACK_NOTES),
                **answers,
            ),
            by=self.reviewer,
        )
        return True

    def answer(self, post: Post, outcome: Review.Outcome, reason: str, comment: str) -> None:
        decide(
            post,
            Decision(outcome=outcome, fingerprint=post.head_revision.fingerprint, reason_code=reason, comment=comment),
            by=self.reviewer,
        )

    def edit(self, post: Post) -> None:
        """Add a paragraph to the end of the proposed text."""
        why, paragraph = self.next_of(EDITS)
        record = Post.objects.get(pk=post.pk).head_revision.snapshot
        record_revision(post, {**record, "body": record["body"] + paragraph}, by=self.editor, why=why)

    def flag(self, post: Post) -> None:
        flag_post(post, by=self.staff, note=self.next_of(FLAG_NOTES))

    def next_of(self, texts: Sequence[Text]) -> Text:
        """Return one text after the other, so that neighbours in a list differ."""
        self.steps += 1
        return texts[self.steps % len(texts)]
