"""One row of an import: fix it, leave it out, or settle its conflict."""

import json
from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpResponse

from posts.admin.imports.trail import batch_address, issue_trail
from posts.admin.lookup import found
from posts.admin.pages import AdminPage
from posts.importing.conflicts import dismiss_incoming, incoming_record, merge_incoming, take_incoming
from posts.importing.repair import MENDABLE, leave_row_out, repair_row
from posts.models import ImportIssue, Post
from posts.operations import Refused
from posts.records.schema import FIELDS, MAX_PROBLEMS, Problem, RecordRefused


def _post_of(issue: ImportIssue) -> Post:
    """Return the post that the text of a conflict belongs to."""
    if issue.post is None:
        raise Http404("The post of this row no longer exists.")
    return issue.post


class IssuePage(AdminPage):
    """One row, to fix it or to settle its conflict."""

    permissions = ("view_importissue",)
    model = ImportIssue
    template = "posts/importissue/change_form"

    def find(self, object_id: str) -> ImportIssue:
        issues = ImportIssue.objects.select_related("batch", "post__head_revision__author", "resolved_by")
        return found(issues, object_id, "row")

    def act(self, issue: ImportIssue) -> str | HttpResponse:
        if self.action not in self.actions:
            raise Refused("Choose an action for this row.")
        try:
            return super().act(issue)
        except RecordRefused as refusal:
            return self.page(issue, problems=refusal.problems, status=422)

    def refused(self, issue: ImportIssue, refusal: Refused, status: int) -> HttpResponse:
        """Return the page again, with the reasons above the row."""
        return self.page(issue, obstacles=refusal.obstacles, status=status)

    def next_address(self, issue: ImportIssue) -> str:
        """Return the page of the import."""
        return batch_address(issue.batch)

    def page(
        self,
        issue: ImportIssue,
        *,
        problems: Sequence[Problem] | None = None,
        obstacles: Sequence[str] = (),
        status: int = 200,
    ) -> HttpResponse:
        """Render the page of one row, with everything that was typed."""
        issue.refresh_from_db()
        is_conflict = issue.kind == ImportIssue.Kind.CONFLICT and issue.post_id is not None
        return self.render(
            status=status,
            title=f"Import {issue.batch_id}, line {issue.line}",
            trail=issue_trail(issue),
            issue=issue,
            problems=problems
            if problems is not None
            else [Problem(pointer, message) for pointer, message in issue.problems[: MAX_PROBLEMS + 1]],
            obstacles=obstacles,
            text=self.request.POST.get("text", issue.raw),
            is_open=not issue.resolution,
            is_mendable=issue.kind in MENDABLE,
            is_conflict=is_conflict,
            differences=self._differences(issue) if is_conflict else [],
            may_import=self.person.has_perm("posts.import_posts"),
            may_edit=self.person.has_perm("posts.change_post"),
        )

    def _differences(self, issue: ImportIssue) -> list[dict[str, str]]:
        """Return a row for each differing field: key, both values as text, and the choice so far."""
        current, incoming = _post_of(issue).working_record(), incoming_record(issue)
        keys = [key for key in (*FIELDS, *current, *incoming) if key not in UNCOMPARED]
        return [
            {
                "key": key,
                "label": key.replace("_", " ").capitalize(),
                "current": as_text(current.get(key)),
                "incoming": as_text(incoming.get(key)),
                "choice": self.request.POST.get(f"choice-{key}", ""),
                "mine": self.request.POST.get(f"mine-{key}", as_text(current.get(key))),
            }
            for key in dict.fromkeys(keys)
            if current.get(key) != incoming.get(key)
        ]

    def _head(self) -> int:
        head = self.request.POST.get("head", "")
        return int(head) if head.isdecimal() and len(head) < 19 else 0

    def _take(self, issue: ImportIssue) -> str:
        take_incoming(issue, by=self.person, expected_head_id=self._head())
        return "The imported version is pending review. An approved page stays as it is."

    def _merge(self, issue: ImportIssue) -> str:
        current, incoming = _post_of(issue).working_record(), incoming_record(issue)
        record, missing = dict(current), []
        for row in self._differences(issue):
            key = row["key"]
            if row["choice"] == "incoming":
                record[key] = incoming.get(key)
            elif row["choice"] == "mine":
                record[key] = from_text(row["mine"], current.get(key, incoming.get(key)), row["label"])
            elif row["choice"] != "current":
                missing.append(row["label"].lower())
        if missing:
            raise Refused(f"Choose a version of {', '.join(missing)} first. Nothing was changed.")
        record = {key: value for key, value in record.items() if value is not None}
        revision = merge_incoming(issue, record, by=self.person, expected_head_id=self._head())
        if revision is None:
            return "Nothing changed: your version is the same as the current one."
        return f"Saved as {revision.version}, which is pending review. An approved page stays as it is."

    def _dismiss(self, issue: ImportIssue) -> str:
        dismiss_incoming(issue, by=self.person)
        return "Kept the current version. If the same version is imported again, it is no longer a conflict."

    def _repair(self, issue: ImportIssue) -> str:
        return f"Line {issue.line}: {repair_row(issue, self.request.POST.get('text', ''), by=self.person)}."

    def _leave_out(self, issue: ImportIssue) -> str:
        leave_row_out(issue, by=self.person)
        return f"Line {issue.line} is left out."

    actions = {"take": _take, "merge": _merge, "dismiss": _dismiss, "repair": _repair, "leave-out": _leave_out}


# A person can't choose these: identity and address don't change, and claims come with the text.
UNCOMPARED = {"source_id", "slug", "hash", "revision", "view_count"}


def as_text(value: Any) -> str:
    """Return a value of a record as editable text: text unchanged, everything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def from_text(text: str, like: Any, label: str) -> Any:
    """Return the value that a person typed for a field whose value was `like`."""
    text = text.replace("\r\n", "\n")
    if isinstance(like, str) or not text.strip():
        return text or None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Refused(f"{label} is not JSON: {error}. Nothing was changed.") from None
