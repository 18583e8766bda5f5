"""Imports in the admin: upload, rehearse, watch, fix rows, settle conflicts, close, roll back."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from posts.admin.lists import MAX_ID, badge, number_in, typed_text
from posts.admin.pages import AdminAction, AdminPage, page_paths
from posts.admin.records import ReadOnlyAdmin
from posts.export.records import issue_lines
from posts.importing.conflicts import dismiss_incoming, incoming_record, merge_incoming, take_incoming
from posts.importing.declare_origin import declare_origin
from posts.importing.declaring import named_generators
from posts.importing.generators import assign_generator, origin_by
from posts.importing.index_switch import approved_posts_of, switch_batch_index
from posts.importing.mapping import Mapping, MappingRefused
from posts.importing.pipeline import options_of
from posts.importing.readers import READERS
from posts.importing.repair import MENDABLE, leave_row_out, repair_row
from posts.importing.rollback import plan_rollback
from posts.importing.tasks import (
    begin,
    begin_following,
    begin_following_generator,
    begin_lifting,
    rehearse_import,
    run_import,
    run_rollback,
)
from posts.importing.uploads import (
    MAX_UPLOAD_BYTES,
    FileRefused,
    check_content,
    server_file,
    server_files,
    store_upload,
)
from posts.models import Generator, HoldReason, ImportBatch, ImportIssue, JobRun, Origin, Post
from posts.models.import_batch import COUNTS
from posts.models.origin import MACHINES
from posts.operations import Refused
from posts.operations.frame import note, operating
from posts.operations.lift_hold import held_by_reason, plan_lift
from posts.records.schema import FIELDS, MAX_PROBLEMS, Problem, RecordRefused, problem_sentence

# How many refused rows the page of an import looks at to group them, and how many of a group it shows.
GROUPED_ROWS, SHOWN_OF_GROUP = 1000, 3
NOTES = {
    "created": "new posts, pending review",
    "updated": "as proposed revisions; approved pages stay as they are",
    "unchanged": "no change; an approval stays",
    "conflict": "edited by people since the last import; nothing was overwritten",
    "duplicate": "the source has the identity twice; the first one counts",
    "skipped": "recognised, but not a post to import",
    "refused": "stored for repair",
}
State = ImportBatch.State
# The badge of each state that is not waiting.
STATES: dict[str, str] = {
    State.RUNNING: "running", State.ROLLING_BACK: "running", State.STOPPED: "stopped", State.FINISHED: "done",
    State.ROLLED_BACK: "undone",
}  # fmt: skip
FORMATS = ", or ".join(reader.label for reader in READERS.values())


class ImportForm(forms.Form):
    """A file by upload or from the server's folder."""

    upload = forms.FileField(
        label="Your file",
        required=False,
        help_text=f"{FORMATS}; at most {MAX_UPLOAD_BYTES >> 20} MB.",
    )
    server_file = forms.ChoiceField(label="Or a file or folder on the server", required=False)
    site = forms.CharField(
        label="Site",
        required=False,
        max_length=200,
        help_text="The address of the site that the posts come from, such as https://old.example.org/, or a name for "
        "it. Needed if the file does not say it. Use the same one each time, so that posts are updated.",
    )
    mapping = forms.CharField(
        label="Mapping",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text="YAML for files of other systems: the site, how fields are mapped, and what unknown values mean. A "
        "rehearsal shows the result.",
    )
    origin = forms.ChoiceField(
        label="Who wrote the posts",
        choices=[(Origin.NOT_STATED, Origin.NOT_STATED.label), *Origin.choices[:-1]],
        initial=Origin.NOT_STATED,
        required=False,
        help_text="Each post shows this to readers. You can change it later.",
    )
    generator = forms.ModelChoiceField(
        Generator.objects.filter(is_described=True),
        label="Generator",
        required=False,
        empty_label="–",
        help_text="If one generator made all of the posts. If it says who writes them, that counts.",
    )
    only_new = forms.BooleanField(label="Only new posts", required=False, help_text="Existing posts stay as they are.")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        files = server_files()
        choices = [
            ("", "–"),
            *((name, f"{name} (folder)" if size is None else f"{name} ({size:,} bytes)") for name, size in files),
        ]
        self.fields["server_file"].choices = choices  # type: ignore[attr-defined]  # of its class
        if not files:
            del self.fields["server_file"]

    def clean_mapping(self) -> Mapping:
        try:
            return Mapping.read(self.cleaned_data["mapping"])
        except MappingRefused as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "mapping" in data:
            try:
                data["mapping"] = data["mapping"].with_site(data.get("site") or "")
            except MappingRefused as refusal:
                self.add_error("site", str(refusal))
        if bool(data.get("upload")) == bool(data.get("server_file")) and not self.errors:
            either = ": either your own or one on the server" if "server_file" in self.fields else ""
            raise forms.ValidationError(f"Choose one file{either}.")
        return data


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ["number", "source_name", "state_shown", "generator", "origin", *COUNTS, "started_by", "started_at"]
    list_filter = ["state", "origin", ("generator", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["started_by", "generator"]
    ordering = ["-pk"]
    deferred = ("rehearsal", "rollback", "breakdown")
    change_list_template = "admin/posts/importbatch/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": "Imports",
            "may_import": request.user.has_perm("posts.import_posts"),
            "may_see_generators": request.user.has_perm("posts.view_generator"),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add the page for a new import, and the addresses of one import."""
        return [*page_paths(PAGES), *super().get_urls()]

    @admin.display(description="Import")
    def number(self, batch: ImportBatch) -> str:
        return f"#{batch.pk}"

    @admin.display(description="State")
    def state_shown(self, batch: ImportBatch) -> SafeString:
        return badge(STATES.get(batch.state, "waiting"), batch.get_state_display())

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one import; nobody adds or changes one by hand."""
        if object_id is None or request.method == "POST":
            raise PermissionDenied
        return ImportPage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less


class NewImportPage(AdminPage):
    """A file to import. Storing it creates its import, which waits to be rehearsed or started."""

    permissions = ("import_posts",)
    model = ImportBatch
    template = "posts/importbatch/new"
    title = "New import"
    form: ImportForm | None = None

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(form=self.form or ImportForm(), status=status)

    def act(self, subject: None) -> HttpResponse:
        form = self.form = ImportForm(self.request.POST, self.request.FILES)
        try:
            if self.request.META.get("alphanode.upload_too_large"):
                raise FileRefused(
                    f"The file is larger than {MAX_UPLOAD_BYTES >> 20} MB. Put it into the server's import folder, or "
                    f"import it with a command."
                )
            if form.is_valid():
                batch = self._take_file(form.cleaned_data, self.person)
                return HttpResponseRedirect(_address(batch))
        except FileRefused as refusal:
            form.full_clean()
            form.add_error(None, str(refusal))
        return self.page(None, status=422)

    def _take_file(self, data: dict[str, Any], by: User) -> ImportBatch:
        if upload := data.get("upload"):
            stored, name = store_upload(upload), upload.name
        else:
            stored, name = server_file(data["server_file"]), data["server_file"]
        # The same name as in a run: the lock of a source and resuming it depend on this name.
        stored = stored.resolve()
        batch = ImportBatch(
            source_name=name[:500].replace("\x00", ""),
            source_path=str(stored),
            source_bytes=None if stored.is_dir() else stored.stat().st_size,
            format=check_content(stored),
            options=options_of(data["only_new"], data["mapping"]),
            generator=data["generator"],
            origin=origin_by(data["generator"], data["origin"] or Origin.NOT_STATED),
            state=State.WAITING,
            started_by=by,
        )
        with operating():
            batch.save(force_insert=True)
            note("import file taken", by=by, detail=str(batch))
        return batch


def _address(batch: ImportBatch) -> str:
    return reverse("admin:posts_importbatch_change", args=[batch.pk])


class ImportPage(AdminPage):
    """One import: its progress, what it refused, and its actions."""

    http_method_names = ["get", "head"]
    permissions: ClassVar[tuple[str, ...]] = ("view_importbatch",)
    model = ImportBatch
    template = "posts/importbatch/change_form"

    def find(self, object_id: str, **names: str) -> ImportBatch:
        return found(ImportBatch.objects.select_related("started_by", "generator"), object_id, "import")

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        issues = batch.issues.filter(resolution="")
        kept = batch.issues.filter(line=0).select_related("post").defer("raw", "post__body", "post__intro")
        return self.render(
            title=batch.source_name,
            batch=batch,
            may_import=self.person.has_perm("posts.import_posts"),
            cells=[(name, getattr(batch, name), NOTES[name]) for name in COUNTS],
            kinds=kind_rows(batch.breakdown),
            names=COUNTS,
            held=held_by_reason(batch),
            progress=progress_of(batch),
            open_runs=JobRun.objects.open().filter(key=f"batch {batch.pk}").select_related("task"),
            refused_groups=refused_groups(issues.filter(kind=ImportIssue.Kind.REFUSED)),
            open_refused=issues.filter(kind=ImportIssue.Kind.REFUSED).count(),
            conflicts=issues.filter(kind=ImportIssue.Kind.CONFLICT)
            .select_related("post")
            .defer("raw", "post__body", "post__intro")[:20],
            rehearsal=rehearsal_rows(batch.rehearsal),
            origins=Origin.choices,
            described=Generator.objects.filter(is_described=True),
            follows_generator=batch.generator is not None and batch.generator.kind != Origin.NOT_STATED,
            generators=named_generators(batch.breakdown or batch.rehearsal.get("breakdown", {})),
            is_by_machine=batch.origin in MACHINES,
            opened=approved_posts_of(batch).approved()[:1001].count(),
            kept=kept[:50],
            can_start=batch.state in (State.WAITING, State.STOPPED) and batch.source_path,
            can_stop=batch.state == State.RUNNING and not batch.stop_requested,
            can_roll_back=batch.state in (State.STOPPED, State.FINISHED, State.ROLLING_BACK),
        )


class ImportProgress(ImportPage):
    """The progress of an import as JSON."""

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        return JsonResponse(progress_of(batch))


class ImportRows(ImportPage):
    """The open rows of a kind unchanged, to be edited and imported again."""

    permissions = ("view_importbatch", "import_posts")

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the file."""
        kind = self.kwargs["kind"]
        if kind not in ("refused", "duplicate", "conflict"):
            raise Http404("No rows have this outcome.")
        response = StreamingHttpResponse(issue_lines(batch, kind), content_type="application/jsonl")
        response.headers["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-{kind}.jsonl"'
        return response


class RollbackPage(ImportPage):
    """What rolling an import back would do, in numbers."""

    permissions = ("view_importbatch", "import_posts")
    template = "posts/importbatch/roll_back"

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        plan = plan_rollback(batch)
        title, posts = f"Roll back import {batch.pk}", plan.withdraws + plan.sets_back
        return self.render(title=title, batch=batch, plan=plan, posts=posts)


class HoldPage(ImportPage):
    """What lifting a reason would do, in numbers."""

    permissions = ("view_importbatch", "import_posts")
    template = "posts/importbatch/hold"

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        if self.kwargs["reason"] not in HoldReason.values:
            raise Http404("Unknown reason.")
        reason = HoldReason(self.kwargs["reason"])
        title, plan = f"Lift a hold of import {batch.pk}", plan_lift(batch, reason)
        return self.render(title=title, batch=batch, reason=reason, plan=plan)


class ImportActions(AdminAction):
    """Start, rehearse, stop, close, open or roll back an import."""

    permissions = ("view_importbatch", "import_posts")
    find = ImportPage.find

    @property
    def action(self) -> str:
        return str(self.kwargs["act"])

    def next_address(self, batch: ImportBatch) -> str:
        """Return the page of the import."""
        return _address(batch)

    def _start(self, batch: ImportBatch) -> str:
        if batch.state not in (State.WAITING, State.STOPPED) or not batch.source_path:
            raise Refused(f"Import {batch.pk} can't be started: {batch.get_state_display().lower()}.")
        ImportBatch.objects.filter(pk=batch.pk).update(stop_requested=False)
        begin(run_import, batch, by=self.person)
        return f"Import {batch.pk} is in the queue. A worker will start it."

    def _rehearse(self, batch: ImportBatch) -> str:
        if batch.state not in (State.WAITING, State.STOPPED) or not batch.source_path:
            raise Refused(f"Import {batch.pk} can't be rehearsed: {batch.get_state_display().lower()}.")
        ImportBatch.objects.filter(pk=batch.pk).update(rehearsal={})
        begin(rehearse_import, batch, by=self.person)
        return "The rehearsal is in the queue. It writes nothing."

    def _stop(self, batch: ImportBatch) -> str:
        ImportBatch.objects.filter(pk=batch.pk, state=State.RUNNING).update(stop_requested=True)
        return f"Import {batch.pk} stops after this chunk. You can continue it later."

    def _switch(self, batch: ImportBatch) -> str:
        is_open = self.request.POST.get("index") == "open"
        begin_following(switch_batch_index(batch, is_open=is_open, by=self.person), by=self.person)
        return f"For search engines, import {batch.pk} is {'open for approved posts' if is_open else 'closed'}."

    def _declare(self, batch: ImportBatch) -> str:
        origin = self.request.POST.get("origin", "")
        if origin not in Origin.values:
            raise Refused("Choose who wrote the posts of this import.")
        batch = declare_origin(batch, origin, by=self.person)
        begin_following(batch, by=self.person)
        return f"Saved. Who wrote the posts of import {batch.pk}: {batch.get_origin_display().lower()}."

    def _assign(self, batch: ImportBatch) -> str:
        number = number_in(self.request.POST.get("generator", ""))
        generator = Generator.objects.filter(pk=number, is_described=True).first() if number is not None else None
        if generator is None:
            raise Refused("Choose a generator from the list.")
        batch = assign_generator(batch, generator, by=self.person)
        begin_following_generator(generator, by=self.person)
        return f"Saved. Import {batch.pk} belongs to {generator}; a worker updates its posts."

    def _roll_back(self, batch: ImportBatch) -> str:
        if batch.state not in (State.STOPPED, State.FINISHED, State.ROLLING_BACK):
            raise Refused(f"Import {batch.pk} can't be rolled back: {batch.get_state_display().lower()}.")
        why = typed_text(self.request, "why")
        begin(run_rollback, batch, by=self.person, by_id=self.person.pk, why=why)
        return f"Rolling back import {batch.pk} is in the queue. A worker will start it."

    def _lift(self, batch: ImportBatch) -> str:
        reason = self.request.POST.get("reason", "")
        if reason not in HoldReason.values:
            raise Refused("Choose a reason to lift.")
        begin_lifting(batch, reason, by=self.person, why=typed_text(self.request, "why"))
        return f"Lifting “{HoldReason(reason).label}” of import {batch.pk} is in the queue. A worker will start it."

    actions = {
        "start": _start,
        "lift": _lift,
        "rehearse": _rehearse,
        "stop": _stop,
        "switch": _switch,
        "declare-origin": _declare,
        "assign": _assign,
        "roll-back": _roll_back,
    }


PAGES = [
    ("new/", NewImportPage, "posts_importbatch_new"),
    # First, because "do/roll-back" would otherwise match the page of an import called "1/do".
    ("<path:object_id>/do/<slug:act>/", ImportActions, "posts_importbatch_act"),
    ("<path:object_id>/progress/", ImportProgress, "posts_importbatch_progress"),
    ("<path:object_id>/rows/<slug:kind>/", ImportRows, "posts_importbatch_rows"),
    ("<path:object_id>/holds/<slug:reason>/", HoldPage, "posts_importbatch_hold"),
    ("<path:object_id>/roll-back/", RollbackPage, "posts_importbatch_rollback"),
]


@admin.register(ImportIssue)
class ImportIssueAdmin(ReadOnlyAdmin):
    list_display = ["line", "kind", "reason", "post_link", "batch", "resolution"]
    list_filter = ["kind", "resolution"]
    list_select_related = ["batch", "post"]
    ordering = ["-pk"]
    deferred = ("raw", "post__body", "post__intro")

    @admin.display(description="Why")
    def reason(self, issue: ImportIssue) -> str:
        if issue.first_line:
            return f"Repeats line {issue.first_line}."
        return " ".join(problem_sentence(pointer, message) for pointer, message in issue.problems[: MAX_PROBLEMS + 1])

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row; nobody adds one by hand."""
        if object_id is None:
            raise PermissionDenied
        return IssuePage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less


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
        return _address(issue.batch)

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
            raise Refused(f"Choose for {', '.join(missing)} first; nothing was changed.")
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


Row = TypeVar("Row", bound=Model)


def found(rows: QuerySet[Row], object_id: Any, what: str) -> Row:
    """Return the row of an address; 404 for anything that is not its primary key."""
    text = str(object_id)
    if text.isascii() and text.isdigit() and int(text) <= MAX_ID and (row := rows.filter(pk=int(text)).first()):
        return row
    raise Http404(f"No {what} has this number.")


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


def progress_of(batch: ImportBatch) -> dict[str, Any]:
    """Return the progress of an import: state, rows, per cent, rows a second, seconds left (None: unknown)."""
    percent = rate = left = None
    if batch.source_bytes and batch.state in (State.RUNNING, State.STOPPED, State.FINISHED):
        # The end of an archive is never read, so the position says less than the state.
        is_read = batch.state == State.FINISHED
        percent = 100 if is_read else min(100, batch.bytes_read * 100 // batch.source_bytes)
    if batch.rows and batch.seconds:
        rate = round(batch.rows / batch.seconds)
        if batch.state == State.RUNNING and batch.bytes_read and batch.source_bytes:
            left = round(batch.seconds * (batch.source_bytes - batch.bytes_read) / batch.bytes_read)
    moving = batch.state in (State.RUNNING, State.ROLLING_BACK) or JobRun.objects.open().filter(
        key=f"batch {batch.pk}"
    ).exists()  # fmt: skip
    return {
        "state": batch.get_state_display(),
        "is_moving": moving,
        "rows": batch.rows,
        "percent": percent,
        "rate": rate,
        "seconds_left": left,
        "counts": {name: getattr(batch, name) for name in COUNTS},
        "shown_at": f"{timezone.now():%H:%M:%S}",
    }


def refused_groups(issues: QuerySet[ImportIssue]) -> list[tuple[str, int, list[ImportIssue]]]:
    """Return [(reason, count, rows)]: refused rows by their first problem, most frequent first.

    A few rows of each, with the value at the place.
    """
    groups: dict[str, list[ImportIssue]] = {}
    for issue in issues.defer("raw").order_by("line", "pk")[:GROUPED_ROWS]:
        pointer, message = issue.problems[0] if issue.problems else ("", "is not valid.")
        reason = problem_sentence(pointer, message, numbers=False)
        groups.setdefault(reason, []).append(issue)
    shown = [row for rows in groups.values() for row in rows[:SHOWN_OF_GROUP]]
    raws = dict(issues.filter(pk__in=[row.pk for row in shown]).values_list("pk", "raw"))
    for row in shown:
        pointer = row.problems[0][0] if row.problems else ""
        row.pointer = pointer  # type: ignore[attr-defined]  # for the template
        row.stood = stood_at(raws[row.pk], pointer)  # type: ignore[attr-defined]  # for the template
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(reason, len(rows), rows[:SHOWN_OF_GROUP]) for reason, rows in ordered]


def stood_at(raw: str, pointer: str) -> str:
    """Return the value at a JSON Pointer (RFC 6901) of a raw row, shortened; the start of a row that isn't JSON."""
    text = raw
    try:
        value = json.loads(raw)
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            value = value[int(part)] if isinstance(value, list) else value[part]
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    return text if len(text) <= 80 else text[:79] + "…"


def rehearsal_rows(rehearsal: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a rehearsal for a template; None if there was none."""
    if not rehearsal:
        return None
    counts = rehearsal.get("counts", {})
    samples = [
        sample
        | {
            "text": json.dumps(sample["record"], ensure_ascii=False, indent=2),
            # Older rehearsals kept only whether it was held.
            "held_words": ", ".join(sample["held"]) if isinstance(sample["held"], list) else "not recorded",
        }
        for sample in rehearsal.get("samples", ())
    ]
    issues = [
        issue | {"problems": [problem_sentence(pointer, message) for pointer, message in issue["problems"]]}
        for issue in rehearsal.get("issues", ())
    ]
    return rehearsal | {
        "issues": issues,
        "cells": [(name, counts[name]) for name in COUNTS if name in counts],
        "samples": samples,
        "kinds": kind_rows(rehearsal.get("breakdown", {})),
    }


def kind_rows(breakdown: dict[str, Any]) -> list[tuple[str, list[int], int]]:
    """Return [(kind, [rows of each of COUNTS], all)] by type and status; empty if the source has no kinds."""
    return [
        (kind, [numbers.get(name, 0) for name in COUNTS], sum(numbers.values()))
        for kind, numbers in breakdown.get("kinds", {}).items()
    ]
