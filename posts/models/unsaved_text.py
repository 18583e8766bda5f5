from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from posts.models.fields import OrderedJSONField
from posts.models.post import Post
from posts.retention import kept


class UnsavedTextQuerySet(models.QuerySet["UnsavedText"]):
    """Which unsaved texts are whose."""

    def of(self, person: User, post: Post | None) -> "UnsavedTextQuerySet":
        """Return what `person` typed about `post` (None: a new one) and did not save: at most one."""
        return self.filter(owner=person, post=post)

    def from_windows(self, windows: Collection[str]) -> "UnsavedTextQuerySet":
        """Return those that one of these windows keeps."""
        return self.filter(window__in=windows)

    def old(self, now: datetime) -> "UnsavedTextQuerySet":
        """Return those that nobody changed for as long as they are kept."""
        return self.filter(kept_at__lt=now - kept("unsaved-texts"))


class UnsavedText(models.Model):
    """What a person typed into the form of a post and did not save. Only this person sees it; it is not a revision."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="unsaved_texts", db_index=False)
    # None: the form of a new post.
    post = models.ForeignKey(Post, models.CASCADE, null=True, related_name="unsaved_texts")
    fields = OrderedJSONField(help_text="[[name, text]] of the form, in its order.")
    window = models.CharField(max_length=40, help_text="Which opened form keeps its text here.")
    kept_at = models.DateTimeField(default=timezone.now)

    objects = UnsavedTextQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["kept_at"], name="unsaved_text_age")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "post"], name="unsaved_text_once"),
            models.UniqueConstraint(fields=["owner"], condition=Q(post=None), name="unsaved_new_text_once"),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.post or 'a new post'}"

    def sent(self) -> QueryDict:
        """Return the fields as the form would send them."""
        sent = QueryDict(mutable=True)
        for name, text in self.fields:
            sent.appendlist(name, text)
        return sent
