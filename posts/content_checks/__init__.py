"""Checks of a text before a person decides about it. docs/checks.md describes each check.

A check is a small function, registered under an id:

    @check("title-length", "advises", version=1, inputs=["title"], cost="instant")
    def title_length(text):
        if len(text.record["title"]) > 120:
            yield "The title is longer than 120 characters. Shorten it.", "/title"

Modules named in the setting EXTRA_CHECKS add theirs.
"""

# They register their checks.
from posts.content_checks import (  # noqa: F401
    claims,
    code,
    drafts,
    house_style,
    images,
    links,
    package_names,
    residue,
    spelling,
    statements,
    structure,
)
from posts.content_checks.registry import (
    Finding,
    Unread,
    check,
    failed_required,
    findings,
    findings_while_typing,
    outside_input,
    registered_checks,
    results,
    stopping_findings,
)

__all__ = [
    "Finding",
    "Unread",
    "check",
    "failed_required",
    "findings",
    "findings_while_typing",
    "outside_input",
    "registered_checks",
    "results",
    "stopping_findings",
]
