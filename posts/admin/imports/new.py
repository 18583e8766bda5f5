"""A new import: a file by upload or from the server's folder."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseRedirect

from posts.admin.imports.trail import batch_address, imports_trail
from posts.admin.pages import AdminPage
from posts.importing.generators import origin_by
from posts.importing.mapping import Mapping, MappingRefused
from posts.importing.pipeline import options_of
from posts.importing.readers import READERS
from posts.importing.uploads import (
    MAX_UPLOAD_BYTES,
    FileRefused,
    check_content,
    server_file,
    server_files,
    store_upload,
)
from posts.models import Generator, ImportBatch, Origin
from posts.operations.frame import note, operating

State = ImportBatch.State


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
        "it. Use the same one each time, so that posts are updated. Leave this empty for JSON Lines with a source_id "
        "in each record, and for files that name their site.",
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


class NewImportPage(AdminPage):
    """A file to import. Storing it creates its import, which waits to be rehearsed or started."""

    permissions = ("import_posts",)
    model = ImportBatch
    template = "posts/importbatch/new"
    title = "New import"
    form: ImportForm | None = None

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(trail=imports_trail("New"), form=self.form or ImportForm(), status=status)

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
                return HttpResponseRedirect(batch_address(batch))
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
