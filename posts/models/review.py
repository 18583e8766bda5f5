from collections import Counter

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from posts.models.fields import OrderedJSONField
from posts.models.revision import Revision


class Review(models.Model):
    """A person's decision about exactly one text."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", "Approved"
        # By one of several authors: kept, but another person's decision is missing. It approves nothing.
        APPROVED_IN_PART = "approved_in_part", "Approved in part"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        REJECTED = "rejected", "Rejected"

    # What a person can choose; the authors of the text decide whether an approval is one in part.
    CHOICES = (Outcome.APPROVED, Outcome.CHANGES_REQUESTED, Outcome.REJECTED)

    class ReasonCode(models.TextChoices):
        NONE = "", "–"
        FACTS = "facts", "Facts are wrong or unproven"
        CODE = "code", "Code does not work"
        CLAIMS = "claims", "Claims contradict the text"
        IMAGES = "images", "Images or their sources"
        REPEATS = "repeats", "Near-duplicate of another post"
        LANGUAGE = "language", "Language or structure"
        HARM = "harm", "Could do harm"
        OTHER = "other", "Something else"

    class Answer(models.TextChoices):
        """What a reviewer says to a point of the review guideline."""

        MET = "met", "Met"
        NOT_MET = "not_met", "Not met"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="reviews")
    fingerprint = models.CharField(max_length=64)
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason_code = models.CharField("reason", max_length=20, choices=ReasonCode, blank=True, db_default="")
    comment = models.TextField(blank=True, db_default="")
    # Decisions made before the guideline existed confirmed the post's own checklist.
    ticks = OrderedJSONField(default=list, db_default=[])
    guideline = models.ForeignKey(
        "posts.ReviewGuideline",
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="reviews",
        help_text="The version that the answers are about; none if no point was answered.",
    )
    answers = OrderedJSONField(default=dict, db_default={}, help_text="Answers by the keys of points.")
    claims = OrderedJSONField(null=True, help_text="What the record claimed then, where its snapshot says otherwise.")
    statements = OrderedJSONField(
        "verified statements", default=list, db_default=[],
        help_text="What the reviewer verified: kind, words, and whether a source stood beside it.",
    )  # fmt: skip
    own_text_reason = models.TextField("why they approved their own changes", blank=True, db_default="")
    is_own_text = models.BooleanField(
        "by its own author",
        default=False,
        db_default=False,
        help_text="A superuser approved their own text, with a reason instead of a second pair of eyes.",
    )
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews")
    is_bulk = models.BooleanField("in bulk", default=False, db_default=False)
    created_at = models.DateTimeField("when", db_default=Now())
    revoked_at = models.DateTimeField("revoked", null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    seconds_spent = models.PositiveIntegerField(
        "seconds with the text open", null=True, help_text="How long the revision was open before the decision."
    )
    way_back = OrderedJSONField(null=True, help_text="The state of the post before and after, for undo.")
    undone_at = models.DateTimeField("undone", null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "decision"
        ordering = ["-created_at", "-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["-created_at"], name="review_newest"),
            models.Index(fields=["reviewer", "-created_at"], name="review_of_reviewer"),
            models.Index(fields=["id"], condition=Q(is_bulk=True), name="review_bulk"),
            models.Index(fields=["id"], condition=Q(is_own_text=True), name="review_of_own_text"),
            models.Index(fields=["revoked_at"], condition=Q(revoked_at__isnull=False), name="review_revoked"),
            models.Index(fields=["undone_at"], condition=Q(undone_at__isnull=False), name="review_undone"),
            models.Index(fields=["id"], condition=Q(guideline__isnull=False), name="review_answered"),
            models.Index(
                Coalesce("guideline", 0),
                condition=Q(is_bulk=False, revoked_at__isnull=True, outcome="approved"),
                name="review_of_guideline",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(fingerprint__length=64), name="review_has_fingerprint"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(outcome="approved"), name="review_revokes_approvals_only"
            ),
            models.CheckConstraint(
                condition=Q(guideline__isnull=True) | Q(is_bulk=False), name="review_in_bulk_answers_nothing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} by {self.reviewer}"

    @property
    def guideline_words(self) -> str:
        """Which version of the review guideline was answered, in words."""
        if self.is_bulk:
            return "not answered (bulk)"
        # The number of a version is its key.
        return f"version {self.guideline_id}" if self.guideline_id else "not answered"

    @property
    def answers_words(self) -> str:
        """What was answered, in words: "version 2: 4 met, 1 not applicable"."""
        counts = Counter(self.answers.values())
        said = [f"{counts[answer]} {answer.label.lower()}" for answer in self.Answer if counts[answer]]
        return f"{self.guideline_words}: {', '.join(said)}" if said else self.guideline_words
