from typing import Any, NoReturn, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models
from django.db.models.functions import Now

from posts.models.post import Post
from posts.models.review import Review
from posts.models.review_flag import ReviewFlag
from posts.models.revision import Revision


class AuditTrailIsAppendOnly(TypeError):
    """Somebody tried to change or delete an entry of the audit trail."""


# Actions on accounts: not everybody who may see posts may see sign-ins and rights.
ACCOUNT_ACTIONS = (
    "signed in",
    "signed out",
    "sign-in failed",
    "account created",
    "account deleted",
    "group deleted",
    "rights changed",
    "review limits changed",
    "password changed",
    "password set",
    "password disabled",
    "sessions ended",
    "second factor added",
    "second factor removed",
    "second factors reset",
    "recovery codes made",
    "recovery code used",
    "account connected",
    "account exported",
    "account erased",
    "detail replaced",
)


# The words for people of actions whose stored names say it in other words. Stored names never change.
_WORDS = {
    "let go": "claim ended",
    "taken over": "claim taken over",
    "bulk begun": "bulk action confirmed",
    "import file taken": "import file received",
    "row left out": "row settled without importing it",
    "result observed": "observed result recorded",
    "conflict taken": "conflict settled with the incoming text",
    "conflict merged": "conflict settled by merging",
    "conflict dismissed": "conflict settled with the site's text",
}


def words_of_action(action: str) -> str:
    """Return an action in words: changes_requested → changes requested."""
    return _WORDS.get(action, action.replace("_", " "))


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Audit entries. The product only reads and adds them."""

    def visible_to(self, user: User) -> Self:
        """Filter to what `user` may see: entries about accounts need the right to export."""
        return self if user.has_perm("posts.export_posts") else self.exclude(action__in=ACCOUNT_ACTIONS)

    def actions(self) -> list[str]:
        """Return every action that has an entry, in order, with one index lookup each in one query."""
        table = connection.ops.quote_name(self.model._meta.db_table)
        # Only the table's own name is inserted.
        least = f"SELECT MIN(action) FROM {table}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH RECURSIVE found(action) AS ({least} UNION ALL "  # noqa: S608
                f"SELECT ({least} WHERE action > found.action) FROM found WHERE found.action IS NOT NULL) "
                "SELECT action FROM found WHERE action IS NOT NULL"
            )
            return [action for (action,) in cursor]

    def update(self, **columns: Any) -> NoReturn:
        raise AuditTrailIsAppendOnly("Entries of the audit trail are never changed.")

    def delete(self) -> NoReturn:
        raise AuditTrailIsAppendOnly("Entries of the audit trail are never deleted.")


class AuditEntry(models.Model):
    """Who did what to a post, when, and about which text. Entries are only ever added."""

    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="audit_entries")
    revision = models.ForeignKey(Revision, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64, blank=True, db_default="")
    fingerprint_before = models.CharField(
        "fingerprint before the change",
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="The fingerprint before the change.",
    )
    detail = models.TextField(blank=True, db_default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name="who", null=True, related_name="+"
    )
    as_superuser = models.BooleanField(
        "as superuser",
        default=False,
        db_default=False,
        help_text="The person was a superuser, whom no group limits.",
    )
    made_at = models.DateTimeField("when", db_default=Now())
    request_id = models.CharField("request", max_length=64, blank=True, default="", db_default="")

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["post", "-id"], name="audit_of_post"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["-id"], condition=models.Q(as_superuser=True), name="audit_by_superusers"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.what} by {self.made_by or 'the import'}"

    def save(self, *args: Any, **options: Any) -> None:
        """Add the entry; refuse to change an existing one."""
        if self.pk is not None:
            raise AuditTrailIsAppendOnly("Entries of the audit trail are never changed.")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise AuditTrailIsAppendOnly("Entries of the audit trail are never deleted.")

    @property
    def what(self) -> str:
        """The action in words for people."""
        return words_of_action(self.action)

    @property
    def who(self) -> str:
        """Who did it, in words; a superuser is named as one. Entries from before that was recorded name nobody so."""
        return f"{self.made_by or '–'}{', as superuser' if self.as_superuser else ''}"

    @property
    def detail_in_words(self) -> str:
        """The detail for people. Early entries have the code of a reason there."""
        reasons = ReviewFlag.Reason if self.action.startswith("flag") else Review.ReasonCode
        return str(dict(reasons.choices).get(self.detail, self.detail)) if self.detail else ""
