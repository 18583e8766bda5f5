from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError, CommandParser

from posts.content_checks import failed_required
from posts.content_checks.stored import stopping_results_of_post
from posts.management.base import BaseCommand
from posts.models import Post, Review
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import Answers, Refused, decide
from posts.operations.guideline import points_asked
from posts.operations.review import Decision, without_individual_review

# By option: what it says of a point.
ANSWERS = {"met": "that is met", "not-met": "that is not met", "not-applicable": "that does not apply to the article"}


class Command(BaseCommand):
    help = "Decide about the proposed revision of a post, as a person. The rights and rules of the admin apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source_id")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who decides")
        parser.add_argument(
            "--fingerprint", required=True, help="fingerprint of the revision that was read; any other is refused"
        )
        parser.add_argument("--outcome", required=True, choices=Review.CHOICES)
        for option, words in ANSWERS.items():
            parser.add_argument(
                f"--{option}",
                action="append",
                default=[],
                metavar="POINT",
                help=f"a point of the review guideline {words}",
            )
        parser.add_argument(
            "--guideline", type=int, help="the version of the review guideline that was read (default: the newest)"
        )
        parser.add_argument(
            "--flag-seen", action="append", default=[], type=int, help="the number of a flag that was read"
        )
        parser.add_argument(
            "--unchecked-seen",
            action="append",
            default=[],
            metavar="CHECK",
            help="a required check that was not completed and that you did yourself",
        )
        parser.add_argument("--reason", default="", choices=Review.ReasonCode.values)
        parser.add_argument("--comment", default="")
        parser.add_argument("--own-text-reason", default="", help="why a superuser approves their own changes")
        parser.add_argument("--later", action="store_true", help="approve; release it another time")
        parser.add_argument(
            "--bulk", action="store_true", help="mark it as a bulk decision, which stays closed to search engines"
        )

    def handle(self, *, source_id: str, user: str, **options: Any) -> None:
        person = get_user_model().objects.filter(username=user, is_active=True).first()
        if person is None:
            raise CommandError(f"No active account is named “{user}”.")
        post = Post.objects.filter(source_id=source_id).first()
        if post is None:
            raise CommandError(f"No post has the source id “{source_id}”.")
        if options["outcome"] == Review.Outcome.APPROVED:
            self._tell_of_unchecked(post, seen=options["unchecked_seen"])
        try:
            review = decide(
                post,
                Decision(
                    outcome=options["outcome"],
                    fingerprint=options["fingerprint"],
                    answers=self._answers(post, options),
                    flags_seen=options["flag_seen"],
                    reason_code=options["reason"],
                    comment=options["comment"],
                    own_text_reason=options["own_text_reason"],
                    release=not options["later"],
                    is_bulk=options["bulk"],
                ),
                by=person,
            )
        except (Refused, PermissionDenied) as refusal:
            raise CommandError(str(refusal)) from None
        post = Post.objects.with_texts().get(pk=post.pk)
        if review.is_bulk and review.outcome == Review.Outcome.APPROVED:
            self.stdout.write(without_individual_review(1))
        state = ", ".join(post.index_obstacles) or "open"
        self.stdout.write(
            f"{source_id}: {review.revision.version} {review.get_outcome_display().lower()}; index: {state}."
        )
        if missing := missing_decision(eyes_on(post, review.revision)):
            self.stdout.write(missing)

    def _answers(self, post: Post, options: dict[str, Any]) -> Answers:
        """Return the answers of the options; raise CommandError for a point that the text does not ask for."""
        given: dict[str, str] = {}
        for option in ANSWERS:
            answer = option.replace("-", "_")
            for key in options[answer]:
                if given.setdefault(key, answer) != answer:
                    raise CommandError(f"You gave the point “{key}” two answers. Choose one.")
        if given:
            asked = {point.key for point in points_asked(post.head_revision.snapshot, options["guideline"]).points}
            if unknown := sorted(set(given) - asked):
                raise CommandError(
                    f"This text has no point “{unknown[0]}”. Its points: {', '.join(sorted(asked)) or 'none'}."
                )
        return Answers(given=given, version=options["guideline"])

    def _tell_of_unchecked(self, post: Post, *, seen: list[str]) -> None:
        """Print which required checks of the proposed text were not completed, as the review screen shows them.

        Raises CommandError while `seen` lacks one of them.
        """
        _, unread = stopping_results_of_post(post)
        failed = failed_required(unread)
        for gap in unread:
            if gap.check in failed:
                self.stderr.write(f"{gap.check}: {gap.message}")
        if missing := [check for check in failed if check not in seen]:
            options = " ".join(f"--unchecked-seen {check}" for check in missing)
            raise CommandError(f"Required checks were not completed. Do these checks yourself, then add {options}.")
