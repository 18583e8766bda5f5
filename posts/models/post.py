import datetime
from collections.abc import Mapping
from typing import Any, Self

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Subquery, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from posts.models.fields import OrderedJSONField
from posts.models.generator import Generator
from posts.models.import_batch import ImportBatch
from posts.models.index_conditions import failing_conditions, index_rules
from posts.models.review import Review
from posts.models.revision import Revision
from posts.records.schema import RecordDict, is_digest
from posts.reverse import address

# What the pages of a post need of it and of related rows.
_OF_PAGE = (
    "source_id slug view_count claimed_revision claimed_hash flags needs_human_review held closed_until_decided "
    "withdrawn_at first_published_at last_published_at first_batch_id created_at last_batch__index_open"
).split()
_OF_PAGE += [
    f"{text}__{name}"
    for text in ("live_revision", "head_revision")
    for name in "post_id number version fingerprint canonical_version status author_id created_at".split()
]
_OF_PAGE += ["live_revision__snapshot", "live_revision__batch__index_open"]
_OF_APPROVAL = "revision_id fingerprint outcome guideline answers is_bulk revoked_at created_at claims"
_OF_PAGE += [f"live_approval__{name}" for name in _OF_APPROVAL.split()]
_OF_PAGE_WITHOUT_HEAD = [name for name in _OF_PAGE if not name.startswith("head_revision__")]


class PostQuerySet(models.QuerySet["Post"]):
    """Who may see a post, and where it may be listed. Each rule stands in Python on Post as well."""

    def visible(self) -> Self:
        """Filter to posts that have a page.

        That is a live revision or, where the site allows it, the newest revision of an imported post that was never
        released, held, rejected or withdrawn.
        """
        shown = Q(live_revision__isnull=False)
        if settings.UNREVIEWED_POSTS == "unlisted":
            shown |= Q(
                live_revision__isnull=True,
                first_published_at__isnull=True,
                first_batch__isnull=False,
                held=False,
                head_revision__isnull=False,
            ) & ~Q(head_revision__status=Revision.Status.REJECTED)
        return self.filter(shown, withdrawn_at__isnull=True)

    def indexable(self) -> Self:
        """Filter to posts whose live text a person approved individually, without any obstacle."""
        return self.listable() if settings.INDEXING else self.none()

    def listable(self) -> Self:
        """Filter to posts that would be indexable if the site's own switch is on."""
        closed = ImportBatch.objects.filter(index_open=False)
        return self.filter(*index_rules()).exclude(Q(last_batch__in=closed) | Q(live_revision__batch__in=closed))

    def listed(self) -> Self:
        """Filter to the posts that lists, search, related posts, feeds and the sitemap name: exactly the indexable."""
        return self.indexable()

    def approved(self) -> Self:
        """Filter to posts with an approved text and no obstacle, by the index post_listed_newest.

        They can be counted without reading a row. Listed posts are a subset; use listed() to know what may be named.
        """
        return self.filter(
            live_approval__isnull=False,
            needs_human_review=False,
            held=False,
            withdrawn_at__isnull=True,
            # Every live text has this date; the condition lets SQLite use the index.
            first_published_at__isnull=False,
        )

    def approved_in_bulk(self) -> Self:
        """Filter to posts that are closed because their live text was approved in bulk only."""
        return self.filter(
            live_revision__isnull=False,
            live_approval__is_bulk=True,
            live_approval__revoked_at__isnull=True,
            withdrawn_at__isnull=True,
        )

    def approved_under_older_guideline(self) -> Self:
        """Filter to posts whose live text was approved individually, before the newest version of the guideline."""
        versions = apps.get_model("posts", "ReviewGuideline").objects.order_by("-number")
        # As a number, not as a part of the query: the engine then knows how few approvals are older.
        newest = versions.values_list("number", flat=True).first() or 0
        # One range of the index review_of_guideline, which counts approvals from before all versions as 0.
        posts = self.alias(answered_version=Coalesce("live_approval__guideline", 0))
        return posts.filter(
            answered_version__lt=newest,
            live_revision__isnull=False,
            live_approval__outcome=Review.Outcome.APPROVED,
            live_approval__is_bulk=False,
            live_approval__revoked_at__isnull=True,
            withdrawn_at__isnull=True,
        )

    def waiting(self) -> Self:
        """Filter to the review queue: newest texts, imported or submitted, without a decision."""
        return self.filter(withdrawn_at__isnull=True, awaits_review=True)

    def reported(self) -> Self:
        """Filter to posts with unanswered reader reports, whatever their state."""
        reports = apps.get_model("posts", "ReaderReport").objects
        return self.filter(Exists(reports.filter(post=OuterRef("pk"), answered_at=None)))

    def with_texts(self) -> Self:
        """Select the rows that visible_revision, is_indexable and the disclosure line need."""
        return self.select_related("live_revision__batch", "head_revision", "live_approval__reviewer", "last_batch")

    def with_flagged_at(self) -> Self:
        """Annotate `flagged_at`: when this site asked for human review, or None.

        A flag that only the source asked for doesn't count: it is a claim of the record.
        """
        flags = apps.get_model("posts", "ReviewFlag")
        here = flags.objects.filter(post=OuterRef("pk"), cleared_at=None).exclude(reason=flags.Reason.SOURCE)
        return self.annotate(flagged_at=Subquery(here.order_by("raised_at").values("raised_at")[:1]))

    def with_last_decision(self, about: str | Combinable | None = None) -> Self:
        """Annotate `last_outcome` and `last_decided_at` of the newest decision that was not undone.

        about: the fingerprint of the text, or an expression for it. By default it is the text at the post's address,
        and both are None where a person approved that individually: then the approval says all.
        """
        text = about or Coalesce(OuterRef("live_revision__fingerprint"), OuterRef("head_revision__fingerprint"))
        decisions = Review.objects.filter(revision__post=OuterRef("pk"), fingerprint=text, undone_at=None)
        newest = decisions.order_by("-pk")
        outcome, decided_at = (Subquery(newest.values(name)[:1]) for name in ("outcome", "created_at"))
        if about is not None:
            return self.annotate(last_outcome=outcome, last_decided_at=decided_at)
        is_open = Q(live_approval=None) | Q(live_approval__is_bulk=True)
        return self.annotate(
            last_outcome=Case(When(is_open, then=outcome)), last_decided_at=Case(When(is_open, then=decided_at))
        )

    def for_its_page(self) -> Self:
        """Select what the page of a post shows, in one query.

        Nothing of the working copy, and the proposed text only if readers see it. Any other field would need another
        query.
        """
        proposed = Case(When(live_revision=None, then="head_revision__snapshot"), output_field=OrderedJSONField())
        # Readers never learn who approved it.
        posts = self.select_related("live_revision__batch", "head_revision", "live_approval", "last_batch")
        return posts.only(*_OF_PAGE).annotate(proposed_snapshot=proposed).with_writing()

    def with_live_texts(self) -> Self:
        """Select what is_listed, the disclosure line and the record need of a live text.

        As for_its_page(), without the proposed text.
        """
        posts = self.select_related("live_revision__batch", "live_approval", "last_batch")
        return posts.only("head_revision", *_OF_PAGE_WITHOUT_HEAD).with_writing()

    def with_writing(self) -> Self:
        """Annotate `written`: who wrote the text at the address (see posts.models.authorship)."""
        shown = Revision.objects.filter(pk=OuterRef("shown_revision")).written()
        return self.annotate(shown_revision=Coalesce("live_revision", "head_revision"), written=Subquery(shown))


class Post(models.Model):
    """The working copy of a post, with pointers to the proposed and the live revision."""

    source_id = models.CharField(
        max_length=200, unique=True, help_text="The identity of the post in imports and exports; never changes."
    )
    slug = models.CharField(max_length=200, unique=True)
    reference = models.CharField(max_length=200, blank=True, db_default="", db_index=True)
    title = models.CharField(max_length=300)
    title_key = models.CharField(max_length=100, editable=False, db_default="", db_index=True)
    intro = models.TextField(blank=True, db_default="", help_text="Markdown. The first paragraph is shown larger.")
    body = models.TextField(
        help_text="Markdown. ![](image:3) places the third image, [checklist] the checklist; the rest follows."
    )
    topic = models.CharField(max_length=300, blank=True, db_default="")
    summary = models.TextField(blank=True, db_default="")
    ai_outline = OrderedJSONField(default=dict, blank=True, db_default={})
    ai_brief = models.TextField("AI brief", blank=True, db_default="")
    stack = OrderedJSONField(default=list, blank=True, db_default=[])
    tools = OrderedJSONField(default=list, blank=True, db_default=[])
    code_language = models.CharField(max_length=100, blank=True, db_default="")
    difficulty = models.CharField(max_length=100, blank=True, db_default="")
    reading_time = models.PositiveIntegerField(null=True, blank=True, help_text="Minutes.")
    view_count = models.PositiveBigIntegerField(null=True, blank=True)
    score = OrderedJSONField(default=dict, blank=True, db_default={})
    claimed_revision = OrderedJSONField(default=dict, blank=True, db_default={})
    claimed_hash = models.CharField(max_length=200, blank=True, db_default="")
    flags = OrderedJSONField(default=dict, blank=True, db_default={})
    entities = OrderedJSONField(default=list, blank=True, db_default=[])
    payload = OrderedJSONField(default=dict, blank=True, db_default={})
    notes = OrderedJSONField(default=list, blank=True, db_default=[])
    published_on = models.DateField(null=True, blank=True)
    authors = OrderedJSONField(default=list, blank=True, db_default=[])
    tags = OrderedJSONField(default=list, blank=True, db_default=[])
    language = models.CharField(max_length=100, blank=True, db_default="")
    extra = OrderedJSONField(default=dict, blank=True, db_default={})
    generator = models.CharField(
        max_length=200, blank=True, editable=False, default="", db_default="", help_text="Who wrote it, by the payload."
    )

    known_generator = models.ForeignKey(
        Generator, models.PROTECT, null=True, editable=False, related_name="posts", db_index=False
    )

    # Null only until the first text of the post is saved, in the same transaction: so its type is not optional.
    head_revision: "models.ForeignKey[Revision, Revision]" = models.ForeignKey(  # type: ignore[misc]
        Revision, models.PROTECT, null=True, editable=False, related_name="+"
    )
    live_revision = models.ForeignKey(Revision, models.PROTECT, null=True, editable=False, related_name="+")
    live_approval = models.ForeignKey(Review, models.PROTECT, null=True, editable=False, related_name="+")
    awaits_review = models.BooleanField(default=False, db_default=False, editable=False)
    needs_human_review = models.BooleanField(default=False, db_default=False, editable=False)
    held = models.BooleanField(default=False, db_default=False, editable=False)
    # The live text returned after its import was rolled back. Nobody has decided about this revision since then.
    closed_until_decided = models.BooleanField(default=False, db_default=False, editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    # The near-duplicate that was kept instead. While this one has no page, its address redirects to that.
    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, editable=False, related_name="replaced", db_index=False
    )
    first_published_at = models.DateTimeField(null=True, editable=False)
    last_published_at = models.DateTimeField(null=True, editable=False)

    first_batch = models.ForeignKey(
        ImportBatch, models.PROTECT, null=True, editable=False, related_name="created_posts"
    )
    last_batch = models.ForeignKey(ImportBatch, models.PROTECT, null=True, editable=False, related_name="touched_posts")
    import_fingerprint = models.CharField(max_length=64, editable=False, default="", db_default="")
    import_line_hash = models.CharField(max_length=32, editable=False, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    # Only on a row of for_its_page().
    proposed_snapshot: RecordDict
    # Only on a row that posts.public.finished_articles read.
    live_snapshot: RecordDict

    objects = PostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(live_revision__isnull=True) | Q(first_published_at__isnull=False),
                name="post_live_has_date",
            ),
            models.CheckConstraint(
                condition=Q(live_approval__isnull=True) | Q(live_revision__isnull=False),
                name="post_approval_needs_live_text",
            ),
            models.CheckConstraint(condition=~Q(source_id="") & ~Q(slug=""), name="post_has_identity_and_address"),
        ]
        indexes = [
            # One index scan returns the newest listed posts at any size of the site.
            models.Index(
                fields=["-first_published_at", "-id"],
                condition=Q(
                    live_approval__isnull=False, needs_human_review=False, held=False, withdrawn_at__isnull=True
                ),
                name="post_listed_newest",
            ),
            models.Index(fields=["-changed_at", "-id"], name="post_changed"),
            models.Index(fields=["difficulty", "-changed_at", "-id"], name="post_of_difficulty"),
            models.Index(
                fields=["last_batch"],
                condition=Q(
                    live_approval__isnull=False,
                    needs_human_review=False,
                    held=False,
                    withdrawn_at__isnull=True,
                    first_published_at__isnull=False,
                ),
                name="post_approved_of_batch",
            ),
            models.Index(
                fields=["changed_at", "id"],
                condition=Q(awaits_review=True, withdrawn_at__isnull=True),
                name="post_waiting",
            ),
            models.Index(fields=["-changed_at", "-id"], condition=Q(needs_human_review=True), name="post_flagged"),
            models.Index(fields=["first_batch"], condition=Q(held=True), name="post_held"),
            # Its posts, and how many of them are pending.
            models.Index(
                fields=["known_generator", "awaits_review", "id"],
                condition=Q(known_generator__isnull=False),
                name="post_of_generator",
            ),
            models.Index(fields=["replaced_by"], condition=Q(replaced_by__isnull=False), name="post_replaced"),
            models.Index(fields=["withdrawn_at"], condition=Q(withdrawn_at__isnull=False), name="post_withdrawn"),
        ]
        permissions = [
            ("submit_post", "Can submit a post for review"),
            ("restore_post", "Can restore an earlier revision"),
            ("review_post", "Can decide about a post"),
            ("release_post", "Can release and roll back"),
            ("withdraw_post", "Can withdraw a post"),
            ("flag_post", "Can flag a post and clear flags"),
            ("change_slug", "Can change a post's address"),
            ("import_posts", "Can import posts and roll imports back"),
            ("export_posts", "Can export posts"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return address("posts:detail", self.slug)

    @property
    def is_imported(self) -> bool:
        return self.first_batch_id is not None

    @property
    def head(self) -> Revision:
        """Its proposed text, which a post has as soon as it is stored."""
        if self.head_revision is None:
            raise Revision.DoesNotExist
        return self.head_revision

    @property
    def is_live(self) -> bool:
        return self.live_revision_id is not None and self.withdrawn_at is None

    @property
    def released_revision(self) -> Revision:
        """The live Revision of a post that is known to have one, as every listed post has."""
        if self.live_revision is None:
            raise Revision.DoesNotExist(f"post {self.pk} has no live revision")
        return self.live_revision

    @property
    def readable_revision(self) -> Revision:
        """The Revision at the address of a post that is known to be visible."""
        if (revision := self.visible_revision) is None:
            raise Revision.DoesNotExist(f"post {self.pk} has no page")
        return revision

    @property
    def released_approval(self) -> Review:
        """The approval of the live text of a post that is known to be listable."""
        if self.live_approval is None:
            raise Review.DoesNotExist(f"post {self.pk} has no approval of its live revision")
        return self.live_approval

    @property
    def released_at(self) -> datetime.datetime:
        """When its first text was released, of a post that is known to have a live one."""
        if self.first_published_at is None:
            raise Revision.DoesNotExist(f"post {self.pk} was never released")
        return self.first_published_at

    @property
    def changed_for_readers_at(self) -> datetime.datetime:
        """When the live text of a released post went live."""
        return self.last_published_at or self.released_at

    @property
    def visible_revision(self) -> Revision | None:
        """The Revision at the post's address, or None: the rule of PostQuerySet.visible in Python."""
        if self.withdrawn_at:
            return None
        if self.live_revision_id:
            return self.live_revision
        head = self.head_revision
        if (
            settings.UNREVIEWED_POSTS == "unlisted"
            and self.first_published_at is None
            and self.is_imported
            and not self.held
            and head is not None
            and head.status != Revision.Status.REJECTED
        ):
            return head
        return None

    @property
    def index_obstacles(self) -> list[str]:
        """All reasons in words why the post is closed to search engines; empty if it is indexable."""
        return self.list_obstacles + self.site_switches()

    @property
    def list_obstacles(self) -> list[str]:
        """The same as index_obstacles, without the site's own switch."""
        return failing_conditions(self) + self.import_switches(self.live_revision if self.live_revision_id else None)

    def import_switches(self, revision: Revision | None) -> list[str]:
        """Return in words which imports would close the post while `revision` (or None) is live."""
        # The import of the live text counts too: a later import with another proposal opens nothing.
        batches = {self.last_batch} | ({revision.batch} if revision else set())
        closed = sorted(batch.pk for batch in batches if batch and not batch.index_open)
        return [f"import {pk} is closed to search engines" for pk in closed]

    @staticmethod
    def site_switches() -> list[str]:
        """Return in words whether the site's own switch closes it to search engines."""
        return [] if settings.INDEXING else ["the site is closed to search engines"]

    @property
    def is_indexable(self) -> bool:
        """The rule of PostQuerySet.indexable in Python."""
        return not self.index_obstacles

    is_listed = is_indexable

    @property
    def is_listable(self) -> bool:
        """The rule of PostQuerySet.listable in Python."""
        return not self.list_obstacles

    def working_record(self) -> RecordDict:
        """Return the working copy as a record dict in the schema's order.

        Needs two queries, for images and checklist.
        """
        values = {
            "source_id": self.source_id,
            "reference": self.reference,
            "title": self.title,
            "intro": self.intro,
            "body": self.body,
            "topic": self.topic,
            "summary": self.summary,
            "ai_outline": self.ai_outline,
            "ai_brief": self.ai_brief,
            "stack": self.stack,
            "tools": self.tools,
            "code_language": self.code_language,
            "difficulty": self.difficulty,
            "reading_time": self.reading_time,
            "view_count": self.view_count,
            "score": self.score,
            "revision": self.claimed_revision,
            "hash": self.claimed_hash,
            "flags": self.flags,
            "checklist": [item.text for item in self.checklist_items.all()],
            "entities": self.entities,
            "image_sources": [image.to_record() for image in self.images.all()],
            "payload": self.payload,
            "notes": self.notes,
            "published_on": self.published_on.isoformat() if self.published_on else None,
            "authors": self.authors,
            "tags": self.tags,
            "language": self.language,
        }
        # An invalid hash from before it had to be a digest would prevent every later save.
        if not is_digest(self.claimed_hash):
            del values["hash"]
        known = {key: value for key, value in values.items() if value not in (None, "", [], {})}
        return {**known, **self.extra}

    def take_record(self, record: RecordDict) -> None:
        """Set the columns of the working copy from a canonical record dict; identity and address stay."""
        for column, value in post_columns(record).items():
            setattr(self, column, value)


TEXT_KEYS = "reference title intro body topic summary ai_brief code_language difficulty language".split()
OBJECT_KEYS = ("ai_outline", "score", "flags", "payload")
LIST_KEYS = ("stack", "tools", "entities", "notes", "authors", "tags")
NUMBER_KEYS = ("reading_time", "view_count")
# Keys of a record that are not columns of Post: identity, address, children.
_ELSEWHERE = {"source_id", "slug", "checklist", "image_sources"}
_KNOWN = {*TEXT_KEYS, *OBJECT_KEYS, *LIST_KEYS, *NUMBER_KEYS, *_ELSEWHERE, "revision", "hash", "published_on"}


def post_columns(record: RecordDict) -> dict[str, Any]:
    """Return the columns of Post (name → Python value) for a canonical record dict."""
    get = record.get
    columns = {key: get(key, "") for key in TEXT_KEYS}
    columns |= {key: get(key, {}) for key in OBJECT_KEYS}
    columns |= {key: get(key, []) for key in LIST_KEYS}
    columns |= {key: get(key) for key in NUMBER_KEYS}
    columns["claimed_revision"] = get("revision", {})
    columns["claimed_hash"] = get("hash", "")
    columns["published_on"] = datetime.date.fromisoformat(record["published_on"]) if "published_on" in record else None
    columns["extra"] = {key: value for key, value in record.items() if key not in _KNOWN}
    columns["title_key"] = search_key(columns["title"])
    columns["generator"] = generator_of(columns["payload"])
    return columns


def generator_of(payload: Mapping[str, Any]) -> str:
    """Return the generator that a payload names, as one line of at most 200 characters, or ""."""
    name = payload.get("generator", "")
    return " ".join(name.split())[:200] if isinstance(name, str) else ""


def search_key(text: str) -> str:
    """Return the form in which the admin searches the beginning of a text: case folded, 100 characters."""
    return text.casefold()[:100]
