"""Limits of reviewers: for which stacks and generators a person decides."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from posts.models.post import Post, generator_of
from posts.models.revision import Revision


class ReviewLimit(models.Model):
    """One of the stacks or generators whose posts a person may decide about. Without any, the person has no limit."""

    class Kind(models.TextChoices):
        STACK = "stack", "Stack"
        GENERATOR = "generator", "Generator"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="review_limits")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(fields=["user", "kind", "name"], name="review_limit_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} “{self.name}”"


@dataclass(frozen=True)
class Limits:
    """The limits of one person. An empty set limits nothing; with both kinds, both must be met."""

    stacks: frozenset[str] = frozenset()
    generators: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.stacks or self.generators)

    def covers(self, stack: Iterable[object], generator: str) -> bool:
        """Return whether a text is within the limits: every entry of its stack is named, and so is its generator.

        A text without a stack is nobody's who is limited to stacks.
        """
        names = {plain_name(name) for name in stack if isinstance(name, str)}
        if self.stacks and not (names and names <= self.stacks):
            return False
        return not self.generators or generator in self.generators

    def covers_post(self, post: Post) -> bool:
        """Return whether the proposed and the live text of `post` are both within the limits.

        With the proposed one alone, who changes the stack of a page could hand it to another reviewer.
        """
        texts = [text for text in (post.head_revision, post.live_revision) if text is not None]
        return all(self._covers_text(text) for text in texts)

    def _covers_text(self, text: Revision) -> bool:
        record = text.snapshot
        return self.covers(record.get("stack", ()), generator_of(record.get("payload", {})))

    @property
    def words(self) -> str:
        """The limits for people: “the stacks Go services and backend and the generator drafts-2”."""
        parts = [
            f"the {kind}{'s' if len(names) > 1 else ''} {_listed(names)}"
            for kind, names in (("stack", self.stacks), ("generator", self.generators))
            if names
        ]
        return " and ".join(parts)


def _listed(names: Iterable[str]) -> str:
    *first, last = (f"“{name}”" for name in sorted(names, key=str.casefold))
    return f"{', '.join(first)} and {last}" if first else last


def plain_name(name: str) -> str:
    """Return the name of a stack as the queue has it: one line of at most 100 characters."""
    return " ".join(name.split())[:100]


def limits_of(user: User) -> Limits:
    """Return the limits of a person. Asked once for each object of an account, as Django does for rights.

    A superuser has none.
    """
    known: Limits | None = getattr(user, "_review_limits", None)
    if known is None:
        # The backend of sign-ins reads along whether there are any.
        has_none = user.is_superuser or getattr(user, "has_review_limits", True) is False
        known = Limits() if has_none else limits_from(ReviewLimit.objects.filter(user=user))
        user._review_limits = known  # type: ignore[attr-defined]  # an object takes any attribute
    return known


def limits_from(rows: Iterable[ReviewLimit]) -> Limits:
    """Return the Limits that these rows name."""
    names: dict[str, set[str]] = {ReviewLimit.Kind.STACK: set(), ReviewLimit.Kind.GENERATOR: set()}
    for row in rows:
        names[row.kind].add(row.name)
    return Limits(frozenset(names[ReviewLimit.Kind.STACK]), frozenset(names[ReviewLimit.Kind.GENERATOR]))


def outside_words(user: User | None, post: Post) -> str:
    """Return why a person may not decide about a post although they may decide about others; "" if they may."""
    if user is None or not (limits := limits_of(user)) or limits.covers_post(post):
        return ""
    every = " Every stack of the post must be among them." if limits.stacks else ""
    return f"You decide about posts of {limits.words} alone.{every}"
