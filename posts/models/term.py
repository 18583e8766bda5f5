from collections.abc import Collection
from operator import attrgetter
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils.text import capfirst

from posts.models.post import Post
from posts.rendering.languages import code_language_name, language_name
from posts.reverse import address

# A list of two articles says less than either of them, so only larger ones are open to search engines.
INDEXABLE_FROM = 3


# (kind of term, slug of its list).
TermPlace = tuple[str, str]


class TermQuerySet(models.QuerySet["Term"]):
    """Terms that have a list, and lists that may be indexed. Each rule stands in Python on Term as well."""

    def at(self, places: Collection[TermPlace]) -> "dict[TermPlace, Term]":
        """Return the terms of this queryset at (kind, slug): those that have the slug, else those that had it.

        One query.
        """
        # No term has such a slug, and PostgreSQL refuses to look for it.
        wanted = {(str(kind), slug): None for kind, slug in places if "\x00" not in slug}
        if not wanted:
            return {}
        # The last condition lets SQLite use the index of addresses, which has no empty ones.
        own, former = _at(self.exclude(slug=""), "", wanted), _at(self, "former_slugs__", wanted)
        terms: list[Any] = sorted(own.union(former, all=True), key=attrgetter("is_former"))
        found: dict[TermPlace, Term] = {}
        for term in terms:
            found.setdefault((term.at_kind, term.at_slug), term)
        return {place: found[place] for place in wanted if place in found}

    def with_list(self) -> Self:
        """Filter to terms whose list names at least one post."""
        return self.filter(listed_count__gt=0).exclude(slug="") if settings.INDEXING else self.none()

    def indexable(self) -> Self:
        """Filter to terms whose list search engines may index: INDEXABLE_FROM posts or more."""
        return self.with_list().filter(listed_count__gte=INDEXABLE_FROM)

    def most_used_first(self) -> Self:
        return self.order_by("-listed_count", "pk")


def _at(terms: TermQuerySet, path: str, places: Collection[TermPlace]) -> TermQuerySet:
    """Return the terms with the kinds and slugs of `places` at the end of a path, each with those that it has there."""
    kinds, slugs = ({place[at] for place in places} for at in (0, 1))
    # Filtered first, so that no row without a partner is looked for: SQLite would read all terms.
    found = terms.filter((f"{path}kind__in", kinds), (f"{path}slug__in", slugs))
    return found.annotate(at_kind=F(f"{path}kind"), at_slug=F(f"{path}slug"), is_former=Value(bool(path)))


class Term(models.Model):
    """What listed posts have in common: a stack, tool, topic, level and so on. Each has its own list."""

    class Kind(models.TextChoices):
        STACK = "stack", "Stack"
        TOOL = "tool", "Tool"
        TOPIC = "topic", "Topic"
        ENTITY = "entity", "Entity"
        TAG = "tag", "Tag"
        LANGUAGE = "language", "Language"
        CODE = "code", "Code language"
        DIFFICULTY = "difficulty", "Difficulty"
        AUTHOR = "author", "Author"

    # The word in addresses and on the page of all terms of a kind.
    PLURALS: ClassVar[dict[str, str]] = {
        Kind.STACK: "stacks",
        Kind.TOOL: "tools",
        Kind.TOPIC: "topics",
        Kind.ENTITY: "entities",
        Kind.TAG: "tags",
        Kind.LANGUAGE: "languages",
        Kind.CODE: "code-languages",
        Kind.DIFFICULTY: "difficulties",
        Kind.AUTHOR: "authors",
    }
    # What a text is about, in contrast to how it is written.
    SUBJECTS = (Kind.STACK, Kind.TOOL, Kind.TOPIC, Kind.ENTITY, Kind.TAG)

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=300, help_text="The name, case folded: what makes two spellings one term.")
    name = models.CharField(max_length=300)
    slug = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The slug in the address of its list.",
    )
    listed_count = models.PositiveIntegerField(default=0, db_default=0)

    objects = TermQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="term_once"),
            # Empty only if a release before this column created the term.
            models.UniqueConstraint(fields=["kind", "slug"], condition=~Q(slug=""), name="term_address_once"),
        ]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["kind", "-listed_count", "id"], condition=Q(listed_count__gt=0), name="term_by_use"),
            # For the files of the sitemap.
            models.Index(
                fields=["id"], condition=Q(listed_count__gte=INDEXABLE_FROM) & ~Q(slug=""), name="term_indexable"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return address("posts:facet", self.plural, self.slug)

    @property
    def label(self) -> str:
        """Its name on pages: languages by their names, and levels with a capital letter."""
        match self.kind:
            case self.Kind.DIFFICULTY:
                return capfirst(self.name)
            case self.Kind.CODE:
                return code_language_name(self.name)
            case self.Kind.LANGUAGE:
                return language_name(self.name)
        return self.name

    @property
    def plural(self) -> str:
        """The word for its kind in addresses: stacks."""
        return self.PLURALS[self.kind]

    @property
    def plural_label(self) -> str:
        """The word for its kind on pages: Stacks."""
        return self.plural.replace("-", " ").capitalize()

    @property
    def has_list(self) -> bool:
        """The rule of TermQuerySet.with_list in Python."""
        return settings.INDEXING and self.listed_count > 0 and self.slug != ""

    @property
    def is_indexable(self) -> bool:
        """The rule of TermQuerySet.indexable in Python."""
        return self.has_list and self.listed_count >= INDEXABLE_FROM


class FormerTermSlug(models.Model):
    """A former slug of a term. The address of its list redirects, and no other term of its kind may take it."""

    kind = models.CharField(max_length=10, choices=Term.Kind)
    slug = models.CharField(max_length=200)
    term = models.ForeignKey(Term, models.CASCADE, related_name="former_slugs")
    left_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "slug"], name="former_term_slug_once")]

    def __str__(self) -> str:
        return self.slug


class PostTerm(models.Model):
    """A term of a listed live text. It repeats the date, so that a list page is one index scan."""

    term = models.ForeignKey(Term, models.CASCADE, related_name="post_terms")
    post = models.ForeignKey(Post, models.CASCADE, related_name="post_terms")
    published_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["post", "term"], name="post_term_once")]
        indexes = [models.Index(fields=["term", "-published_at", "-post"], name="post_term_newest")]

    def __str__(self) -> str:
        return f"{self.term_id} of {self.post_id}"
