"""Which rows name an account, what its export says of them, and what becomes of them when the account is erased.

A test fails if a table with a reference to an account is not here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from posts.db.keyset import in_chunks

CHUNK = 1000

# What becomes of the rows when an account is erased: they stay and name the former person by a number; they go; or they
# no longer name anybody.
KEPT, DELETED, EMPTIED = "kept", "deleted", "emptied"


@dataclass(frozen=True)
class Named:
    """A column that names an account. of: the columns that the export has; without secrets and long texts."""

    model: str
    field: str
    on_erasing: str
    of: str

    @property
    def table(self) -> type[Model]:
        """The model."""
        return apps.get_model(self.model)

    def rows(self, user: User) -> "QuerySet[Any, Any]":
        """Return the rows that name the account."""
        return self.table._base_manager.filter(**{self.field: user.pk})


NAMED = (
    Named("auth.User_groups", "user", DELETED, "group__name"),
    Named("auth.User_user_permissions", "user", DELETED, "permission__codename"),
    Named("admin.LogEntry", "user", DELETED, "action_time object_repr change_message"),
    Named("posts.ReviewLimit", "user", DELETED, "kind name"),
    Named("posts.AccountState", "user", KEPT, "is_demo policy_since has_provider_factor erased_at"),
    Named("posts.SecondFactor", "user", DELETED, "kind name added_at used_at"),
    Named("posts.RecoveryCode", "user", DELETED, "used_at"),
    Named("posts.ExternalIdentity", "user", DELETED, "issuer subject added_at"),
    Named("posts.WebSession", "user", DELETED, "began_at seen_at agent network expire_date"),
    Named("posts.NotificationSetting", "user", DELETED, "mails_digest mails_at_once digest_sent_at"),
    Named("posts.Notification", "user", DELETED, "kind text post_id batch_id count made_at read_at mailed_at"),
    Named("posts.Notification", "actor", DELETED, "kind text post_id batch_id made_at"),
    Named("posts.SavedView", "owner", DELETED, "name query"),
    Named("posts.DeskPreference", "person", DELETED, "keys_off"),
    Named("posts.UnsavedText", "owner", DELETED, "post_id fields kept_at"),
    Named("posts.UploadedPicture", "uploaded_by", KEPT, "name uploaded_at is_used"),
    Named("posts.AuditEntry", "made_by", KEPT, "made_at action post_id revision_id fingerprint detail request_id"),
    Named(
        "posts.Review",
        "reviewer",
        KEPT,
        "created_at revision_id fingerprint outcome reason_code comment answers statements own_text_reason",
    ),
    Named("posts.Review", "revoked_by", KEPT, "revision_id fingerprint outcome revoked_at"),
    Named("posts.Review", "undone_by", KEPT, "revision_id fingerprint outcome undone_at"),
    Named("posts.Revision", "author", KEPT, "created_at post_id version fingerprint why"),
    Named("posts.Revision", "suggested_by", KEPT, "created_at post_id version fingerprint"),
    Named("posts.Remark", "author", KEPT, "made_at post_id revision_id reason_code comment suggestion"),
    Named("posts.Remark", "closed_by", KEPT, "post_id closed_at closing"),
    Named("posts.RemarkReply", "author", KEPT, "made_at remark_id text"),
    Named("posts.ReviewFlag", "raised_by", KEPT, "raised_at post_id reason note"),
    Named("posts.ReviewFlag", "cleared_by", KEPT, "cleared_at post_id clear_note"),
    Named("posts.Release", "owner", KEPT, "made_at post_id kind"),
    Named("posts.Release", "made_by", KEPT, "made_at post_id kind expected_result rollback_note observed_result why"),
    Named("posts.ScheduledRelease", "owner", KEPT, "post_id kind due_at state"),
    Named("posts.ScheduledRelease", "made_by", KEPT, "made_at post_id kind due_at state why"),
    Named("posts.ScheduledRelease", "settled_by", KEPT, "post_id kind due_at state settled_at"),
    Named("posts.QueueEntry", "held_by", EMPTIED, "post_id held_until"),
    Named("posts.QueueEntry", "assigned_to", EMPTIED, "post_id"),
    Named("posts.BulkRun", "made_by", KEPT, "made_at act state comment"),
    Named("posts.BulkRun", "assignee", KEPT, "made_at act state"),
    Named("posts.ImportBatch", "started_by", KEPT, "started_at source_name format state"),
    Named("posts.ImportIssue", "resolved_by", KEPT, "batch_id line resolution resolved_at"),
    Named("posts.PostHold", "lifted_by", KEPT, "post_id reason lifted_at"),
    Named("posts.ReaderReport", "answered_by", KEPT, "post_id answered_at answer"),
    Named("posts.PreviewLink", "made_by", KEPT, "post_id revision_id purpose made_at expires_at"),
    Named("posts.PreviewLink", "revoked_by", KEPT, "post_id revision_id revoked_at"),
    Named("posts.Generator", "owner", KEPT, "name kind contact"),
    Named("posts.ApiToken", "created_by", KEPT, "label hint generator_id created_at expires_at revoked_at"),
    Named("posts.ApiToken", "revoked_by", KEPT, "label hint generator_id revoked_at"),
    Named("posts.ReviewGuideline", "made_by", KEPT, "number note created_at"),
    Named("posts.StyleRule", "changed_by", KEPT, "name changed_at"),
    Named("posts.StyleException", "made_by", KEPT, "post_id rule_id reason made_at"),
    Named("posts.Deployment", "noted_by", KEPT, "version began_at expected_result"),
    Named("posts.JobRun", "requested_by", KEPT, "job_name requested_at finished_at"),
)

_ACCOUNT = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "date_joined",
            "last_login")  # fmt: skip


def export_of(user: User) -> Iterator[str]:
    """Yield, in parts, one JSON object of all that an account left. It has no passwords, keys or codes.

    Texts of revisions and pictures are named and not repeated: the posts have them.
    """
    account = {"number": user.pk, **{name: getattr(user, name) for name in _ACCOUNT}}
    yield f'{{"account": {_json(account)}, "exported_at": {_json(timezone.now())}, "rows": {{'
    for number, named in enumerate(NAMED):
        yield f'{"," if number else ""}\n"{named.model.removeprefix("posts.")}.{named.field}": ['
        yield from _rows(named, user)
        yield "]"
    yield "\n}}\n"


def _rows(named: Named, user: User) -> Iterator[str]:
    columns, is_first = named.of.split(), True
    key = named.table._meta.pk
    for chunk in in_chunks(named.rows(user).values_list("pk", *columns), size=CHUNK):
        for pk, *values in chunk:
            row = {} if key is None or key.is_relation or key.name == "session_key" else {"number": pk}
            yield f"{'' if is_first else ','}\n{_json(row | dict(zip(columns, values, strict=True)))}"
            is_first = False


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
