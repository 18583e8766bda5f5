"""What the form of a post would show to readers, while a person types: the article, and what its checks find.

Nothing is saved. The script of the form sends the form as it is, valid or not, and shows the answer beside it.
"""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from posts.admin.posts.edit import PostPage
from posts.admin.posts.record_form import RecordForms
from posts.content_checks import Finding, findings_while_typing
from posts.content_checks.text import CheckedText, Spot
from posts.models import Post
from posts.operations.source_links import link_targets_of_post
from posts.records.schema import RecordDict, RecordRefused, validate_record
from posts.rendering.file_links import lead_on
from posts.rendering.markdown import Heading, render_text

# Beyond any of these the answer would take more than a second, too long for each pause in typing. Ten thousand words
# have 60,000 characters. Each line may begin a block, and each bracket a link that is compared with all others.
MAX_TYPED, MAX_LINES, MAX_BRACKETS = 60_000, 4_000, 3_000
MAX_HTML = 1024 * 1024
# A record can't be without these.
MISSING = {"title": "No title yet", "body": "No text yet"}
TOO_LONG = "This text is too long for a live preview. Save it, then choose “Preview”."
TEXTS = ("intro", "body")


class LivePreview(PostPage):
    """Answers the form of a post, or of a new one, with its article and findings as JSON."""

    http_method_names = ["post"]

    def may_see(self) -> bool:
        """Return whether the person may save this form."""
        return self._may("change" if self.kwargs.get("object_id") else "add")

    def post(self, request: Any, *args: Any, **address: Any) -> HttpResponse:
        """Answer; the form need not be valid."""
        subject = self.find(**address)
        typed = "\n".join(request.POST.get(name, "") for name in TEXTS)
        if len(typed) > MAX_TYPED or typed.count("\n") > MAX_LINES or typed.count("[") > MAX_BRACKETS:
            return JsonResponse({"problems": [TOO_LONG]})
        _, forms = self.typed_forms(subject, self.request.POST)
        record, problems = typed_record(forms)
        rendered = render_text(record)
        targets = link_targets_of_post(subject) if isinstance(subject, Post) else {}
        html = SafeString(lead_on(str(rendered.html), targets))
        if len(html) > MAX_HTML:
            return JsonResponse({"problems": [TOO_LONG]})
        text = CheckedText(record)
        return JsonResponse(
            {
                "html": render_to_string("admin/posts/post/live_preview.html", {"record": record, "article": html}),
                "headings": headings_by_line(text, rendered.contents),
                "findings": [_shown(finding) for finding in findings_while_typing(text)],
                "problems": problems,
            }
        )


def typed_record(forms: RecordForms) -> tuple[RecordDict, list[str]]:
    """Return (record dict, what of the forms is not valid yet); such values stay as the forms were opened."""
    form, images, checklist = forms
    problems = [
        f"{part[name].label if name in part.fields else 'Form'}: {message}"
        for part in [form, *images.forms, *(checklist.forms if checklist else ())]
        for name, messages in part.errors.items()
        for message in messages
    ]
    record = {"source_id": "typed", **form.record(images, checklist)}
    record |= {key: words for key, words in MISSING.items() if not record.get(key)}
    try:
        return validate_record(record).to_dict(), problems
    except RecordRefused as refusal:
        problems += [str(problem) for problem in refusal.problems]
        refused = {problem.pointer.split("/")[1] for problem in refusal.problems if problem.pointer}
    kept = {key: form.opened[key] for key in refused if key in form.opened}
    record = {key: value for key, value in record.items() if key not in refused}
    try:
        return validate_record({**MISSING, **record, **kept}).to_dict(), problems
    except RecordRefused:
        return {**MISSING, **form.opened}, problems


def headings_by_line(text: CheckedText, contents: list[Heading]) -> list[tuple[int, str]]:
    """Return [(line, id)] of the headings, the lines of intro and body counted as one text; [] if they don't match.

    By them the preview scrolls with the text.
    """
    above = text.record.get("intro", "").count("\n") + 1
    lines = [block.line + above * (field == "body") for field, block in text.blocks if block.kind == "heading"]
    # Headings of the checklist and of the notes come last; the text has none for them.
    ids = [heading.id for heading in contents[: len(lines)]]
    return list(zip(lines, ids, strict=True)) if len(ids) == len(lines) else []


def _shown(finding: Finding) -> dict[str, Any]:
    spot = Spot.of(finding.pointer)
    field = spot.strip("/")
    return {
        "message": finding.message,
        "stops": finding.stops,
        "field": field if field in TEXTS else "",
        "line": spot.line,
        "words": spot.words,
    }
