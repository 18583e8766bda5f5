from typing import Self

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat, Length, Now

from posts.models.fields import OrderedJSONField
from posts.models.import_batch import ImportBatch
from posts.models.origin import declared_origin
from posts.records.schema import CANONICAL_VERSION

models.CharField.register_lookup(Length)


class RevisionQuerySet(models.QuerySet["Revision"]):
    """Revisions, and where their texts came from."""

    def with_source(self) -> Self:
        """Annotate `source_batch`, its `origin`, and `is_edited`.

        source_batch: the import that brought the text, None if it was typed on this site. is_edited: a person changed
        the text since. Equal bytes have an equal source, so a restored text keeps its own. Otherwise it is the newest
        import below.
        """
        rows = Revision.objects.filter(post=OuterRef("post"))
        equal = rows.filter(fingerprint=OuterRef("fingerprint"), number__lte=OuterRef("number"))
        equal = equal.order_by(F("batch").desc(nulls_last=True), "number")
        upto = rows.filter(number__lte=OuterRef("source_number"))
        imported = upto.filter(batch__isnull=False).order_by("-number")
        # A row that a person fixed has an author too; a row accepted unchanged has one, but is not an edit.
        issues = apps.get_model("posts", "ImportIssue").objects
        taken = issues.filter(post=OuterRef("post"), batch=OuterRef("batch"), fingerprint=OuterRef("fingerprint"))
        is_mended = Q(number=OuterRef("import_number")) & ~Exists(taken.filter(kind="conflict"))
        is_later = Q(number__gt=Coalesce(OuterRef("import_number"), 0))
        edits = upto.filter(is_later | is_mended, author__isnull=False)
        return self.annotate(
            source_number=Subquery(equal.values("number")[:1]),
            import_number=Subquery(imported.values("number")[:1]),
            source_batch=Subquery(imported.values("batch")[:1]),
            origin=Subquery(imported.values(declared=declared_origin("batch", "post__"))[:1]),
            is_edited=Exists(edits),
        )

    def written(self) -> "QuerySet[Revision, str]":
        """Return the origin of each as text: "" if typed here, with Revision.EDITED added if edited."""
        origin = Coalesce("origin", Value(""))
        edited = Concat(origin, Value(Revision.EDITED))
        written = Case(When(is_edited=True, then=edited), default=origin, output_field=models.CharField())
        return self.with_source().annotate(written=written).order_by().values_list("written", flat=True)


class Revision(models.Model):
    """An immutable snapshot of a post's record. Only review operations change its status."""

    class Status(models.TextChoices):
        DRAFTED = "drafted", "Drafted"
        IN_REVIEW = "in_review", "In review"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        SUPERSEDED = "superseded", "Superseded"

    UNDECIDED = (Status.DRAFTED, Status.IN_REVIEW)
    EDITED = "+"

    # The constraint revision_number_once provides its index.
    post = models.ForeignKey("posts.Post", models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField(help_text="1 for the first revision of the post.")
    version = models.CharField(max_length=40)
    snapshot = OrderedJSONField()
    fingerprint = models.CharField(max_length=64)
    canonical_version = models.PositiveSmallIntegerField(default=CANONICAL_VERSION, db_default=CANONICAL_VERSION)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFTED, db_default=Status.DRAFTED)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    suggested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="Whose suggestion the author accepted; both wrote this change.",
    )
    # Its index is revision_of_batch, which a roll-back scans chunk by chunk.
    batch = models.ForeignKey(
        ImportBatch, models.PROTECT, verbose_name="import", null=True, related_name="revisions", db_index=False
    )
    why = models.CharField(max_length=500, blank=True, db_default="")
    created_at = models.DateTimeField("saved", db_default=Now())

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["post", "number"], name="revision_number_once"),
            models.CheckConstraint(condition=Q(fingerprint__length=64), name="revision_has_fingerprint"),
            models.CheckConstraint(condition=Q(number__gte=1), name="revision_number_from_one"),
        ]
        indexes = [
            models.Index(fields=["batch", "id"], condition=Q(batch__isnull=False), name="revision_of_batch"),
            models.Index(
                fields=["suggested_by"], condition=Q(suggested_by__isnull=False), name="revision_of_suggestion"
            ),
            models.Index(
                fields=["status", "id"],
                condition=Q(status__in=["changes_requested", "rejected"]),
                name="revision_sent_back",
            ),
            models.Index(fields=["id"], condition=Q(status="in_review"), name="revision_in_review"),
        ]
        permissions = [("view_history", "Can see earlier revisions")]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.version} of {self.snapshot['title']}"

    @property
    def status_words(self) -> str:
        """Return the status as it stands in a sentence after "is"."""
        if self.status == self.Status.CHANGES_REQUESTED:
            return "sent back for changes"
        return self.get_status_display().lower()
