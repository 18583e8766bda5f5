"""Addresses and trails of the pages of an import."""

from posts.admin.trail import Step, step
from posts.models import ImportBatch, ImportIssue
from posts.reverse import address

LIST = "posts_importbatch_changelist"
PAGE = "posts_importbatch_change"


def batch_address(batch: ImportBatch) -> str:
    """Return the address of the page of an import."""
    return address(f"admin:{PAGE}", batch.pk)


def imports_trail(name: str) -> list[Step]:
    """Return the trail of a page that belongs to the list of imports. name: of the page."""
    return [step("Imports", LIST), Step(name)]


def batch_trail(batch: ImportBatch, name: str) -> list[Step]:
    """Return the trail of a further page of an import. name: of the page."""
    return [step("Imports", LIST), step(f"#{batch.pk}", PAGE, batch.pk), Step(name)]


def issue_trail(issue: ImportIssue) -> list[Step]:
    """Return the trail of the page of a row."""
    return [step("Imports", LIST), step(f"#{issue.batch_id}", PAGE, issue.batch_id), Step(f"Line {issue.line:,}")]
