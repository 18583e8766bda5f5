import json

from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import Refused, require
from posts.models import ImportBatch, ImportIssue, Post, Revision
from posts.operations.frame import Change, changing, operation
from posts.operations.record_revision import record_revision
from posts.operations.transitions import may_step, take_step
from posts.records.schema import RecordDict, RecordRefused, parse_record, validate_record

Resolution = ImportIssue.Resolution


def incoming_record(issue: ImportIssue) -> RecordDict:
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


def take_incoming(issue: ImportIssue, *, by: User | None, expected_head_id: int | None = None) -> Revision | None:
    """Make the kept text of a conflict the proposed one; return its Revision, or None if it already was."""
    return _settle(
        issue, incoming_record(issue), Resolution.TAKEN, by=by, expected_head_id=expected_head_id, batch=issue.batch
    )


def merge_incoming(
    issue: ImportIssue, record: RecordDict, *, by: User | None, expected_head_id: int | None = None
) -> Revision | None:
    """Make a person's merge of both texts (a record dict) the proposed one; return its Revision."""
    return _settle(issue, record, Resolution.MERGED, by=by, expected_head_id=expected_head_id)


@operation
def dismiss_incoming(issue: ImportIssue, *, by: User | None) -> None:
    """Keep the text as it is. The same incoming text is not a conflict again; another one is."""
    if by is not None and not by.has_perm("posts.change_post"):
        require(by, "import_posts")
    with changing(_post_of(issue), by=by) as change:
        issue = _open(issue)
        _close(change, issue, Resolution.DISMISSED)
        change.note("conflict dismissed", revision=change.post.head_revision, detail=_place(issue))


@operation
def _settle(
    issue: ImportIssue,
    record: RecordDict,
    resolution: ImportIssue.Resolution,
    *,
    by: User | None,
    expected_head_id: int | None,
    batch: ImportBatch | None = None,
) -> Revision | None:
    require(by, "change_post")
    # The post first, as an import takes them: it overtakes open conflicts of the posts that it holds.
    with changing(_post_of(issue), by=by) as change:
        issue = _open(issue)
        why = f"{resolution.label} from {_place(issue)}."
        action = f"conflict {resolution.label.lower()}"
        revision = record_revision(
            change.post, record, by=by, expected_head_id=expected_head_id, why=why, action=action, batch=batch
        )
        # Half of it is an import's: it waits for review as imported texts do, but for one that readers see approved.
        if revision is not None and may_step(revision, "submit"):
            take_step(revision, "submit")
            change.post.awaits_review = True
        _close(change, issue, resolution)
        return revision


def _post_of(issue: ImportIssue) -> Post:
    """Return the post that a conflict is about; Refused if the row is no conflict."""
    if issue.kind != ImportIssue.Kind.CONFLICT or issue.post is None:
        raise Refused("This row is not a conflict with a post.")
    return issue.post


def _open(issue: ImportIssue) -> ImportIssue:
    """Return the issue, locked; Refused if somebody has already settled it."""
    issue = ImportIssue.objects.select_for_update().get(pk=issue.pk)
    if issue.resolution:
        raise Refused(f"This conflict is already settled: {issue.get_resolution_display().lower()}.")
    return issue


def _close(change: Change, issue: ImportIssue, resolution: ImportIssue.Resolution) -> None:
    # The incoming text counts as the post's last import from now on, whatever became of it: that is what keeps the
    # same text from being a conflict again, and lets the next text through where this one was taken.
    change.post.import_fingerprint, change.post.import_line_hash = issue.fingerprint, issue.line_hash
    issue.resolution, issue.resolved_by, issue.resolved_at = resolution, change.by, timezone.now()
    issue.save(update_fields=["resolution", "resolved_by", "resolved_at"])


def _place(issue: ImportIssue) -> str:
    return f"import {issue.batch_id}, line {issue.line}"
