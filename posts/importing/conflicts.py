import json

from django.db import transaction
from django.utils import timezone

from posts.audit.log import note_audit
from posts.errors import Refused, require
from posts.models import ImportIssue, Post
from posts.operations.base import locked
from posts.operations.record_revision import record_revision
from posts.operations.transitions import may_step, take_step
from posts.records.schema import RecordRefused, parse_record, validate_record
from posts.review_queue.ranking import refresh_queue

Resolution = ImportIssue.Resolution


def incoming_record(issue):
    """Return the record dict that a conflict keeps."""
    try:
        return parse_record(issue.raw.encode()).to_dict()
    except RecordRefused as refusal:
        if [problem.pointer for problem in refusal.problems] != ["/hash"]:
            raise
    # It may be from before a hash had to be a digest. The person decides about its text.
    data = json.loads(issue.raw)
    del data["hash"]
    return validate_record(data).to_dict()


def take_incoming(issue, *, by, expected_head_id=None):
    """Make the kept text of a conflict the proposed one; return its Revision, or None if it already was."""
    return _settle(
        issue, incoming_record(issue), Resolution.TAKEN, by=by, expected_head_id=expected_head_id, batch=issue.batch
    )


def merge_incoming(issue, record, *, by, expected_head_id=None):
    """Make a person's merge of both texts (a record dict) the proposed one; return its Revision."""
    return _settle(issue, record, Resolution.MERGED, by=by, expected_head_id=expected_head_id)


@transaction.atomic
def dismiss_incoming(issue, *, by):
    """Keep the text as it is. The same incoming text is not a conflict again; another one is."""
    if by is not None and not by.has_perm("posts.change_post"):
        require(by, "import_posts")
    issue, post = _open(issue)
    _close(issue, post, Resolution.DISMISSED, by)
    note_audit("conflict dismissed", post=post, by=by, revision=post.head_revision, detail=_place(issue))


@transaction.atomic
def _settle(issue, record, resolution, *, by, expected_head_id, batch=None):
    require(by, "change_post")
    issue, post = _open(issue)
    why = f"{resolution.label} from {_place(issue)}."
    action = f"conflict {resolution.label.lower()}"
    revision = record_revision(
        post, record, by=by, expected_head_id=expected_head_id, why=why, action=action, batch=batch
    )
    # Half of it comes from an import, so it is pending like imported texts, unless readers see it approved.
    if revision is not None and may_step(revision, "submit"):
        take_step(revision, "submit")
        Post.objects.filter(pk=post.pk).update(awaits_review=True)
        refresh_queue(Post.objects.get(pk=post.pk))
    _close(issue, post, resolution, by)
    return revision


def _open(issue):
    """Return the issue and its post, both locked; Refused if somebody has already settled it."""
    if issue.kind != ImportIssue.Kind.CONFLICT or issue.post is None:
        raise Refused("This row is no conflict with a post.")
    # The post first, in the same order as in imports, which also lock open conflicts of their posts.
    post = locked(issue.post)
    issue = ImportIssue.objects.select_for_update().get(pk=issue.pk)
    if issue.resolution:
        raise Refused(f"This conflict is settled already: {issue.get_resolution_display().lower()}.")
    return issue, post


def _close(issue, post, resolution, by):
    # From now on the incoming text counts as the post's last import, whatever the decision: so the same text is not a
    # conflict again, and a later one is accepted if this one was.
    Post.objects.filter(pk=post.pk).update(import_fingerprint=issue.fingerprint, import_line_hash=issue.line_hash)
    issue.resolution, issue.resolved_by, issue.resolved_at = resolution, by, timezone.now()
    issue.save(update_fields=["resolution", "resolved_by", "resolved_at"])


def _place(issue):
    return f"import {issue.batch_id}, line {issue.line}"
