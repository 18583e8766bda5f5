from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError, CommandParser

from posts.content_checks import failed_required, stopping_results
from posts.management.base import BaseCommand
from posts.models import Post, Review
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import Refused, decide
from posts.operations.review import Decision


class Command(BaseCommand):
    help = "Decide about the proposed revision of a post, as a person. The rights and rules of the admin apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source_id")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who decides")
        parser.add_argument(
            "--fingerprint", required=True, help="fingerprint of the revision that was read; any other is refused"
        )
        parser.add_argument("--outcome", required=True, choices=Review.CHOICES)
        parser.add_argument("--tick", action="append", default=[], help="a checklist item that you confirm")
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
                    ticks=options["tick"],
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
        state = ", ".join(post.index_obstacles) or "open"
        self.stdout.write(
            f"{source_id}: {review.revision.version} {review.get_outcome_display().lower()}; index: {state}."
        )
        if missing := missing_decision(eyes_on(post, review.revision)):
            self.stdout.write(missing)

    def _tell_of_unchecked(self, post: Post, *, seen: list[str]) -> None:
        """Print which required checks of the proposed text were not completed, as the review screen shows them.

        Raises CommandError while `seen` lacks one of them.
        """
        _, unread = stopping_results(post.head_revision.snapshot)
        failed = failed_required(unread)
        for gap in unread:
            if gap.check in failed:
                self.stderr.write(f"{gap.check}: {gap.message}")
        if missing := [check for check in failed if check not in seen]:
            options = " ".join(f"--unchecked-seen {check}" for check in missing)
            raise CommandError(f"Required checks were not completed. Do these checks yourself, then add {options}.")
