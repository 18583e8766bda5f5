"""Generators in the admin: who or what writes posts elsewhere, described by people here."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse

from posts.admin.lists import number_in
from posts.admin.lookup import found
from posts.admin.pages import AdminPage, page_paths
from posts.admin.records import ReadOnlyAdmin
from posts.admin.trail import Step, step
from posts.importing.generators import save_generator
from posts.importing.tasks import begin_following_generator
from posts.importing.tokens import create_token, expiry_on, revoke_token
from posts.models import ApiToken, Generator
from posts.operations import Refused
from posts.review_queue.counts import FEW_COUNTED, capped_counts, said_count
from posts.review_queue.scorecards import card_of_generator

IMPORTS_SHOWN = 10


class GeneratorForm(forms.ModelForm[Generator]):
    """What people say about a generator."""

    class Meta:
        model = Generator
        fields = (
            "name", "kind", "model_version", "prompt_version", "owner", "contact", "guideline", "state",
            "backlog_limit",
        )  # fmt: skip
        widgets: ClassVar[dict[str, Any]] = {"guideline": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.label_suffix = ""
        owner = self.fields["owner"]
        # Who has left may still be the owner of an old one.
        people = Q(is_active=True, is_staff=True) | Q(pk=self.instance.owner_id)
        owner.queryset = User.objects.filter(people).order_by("username")  # type: ignore[attr-defined]  # of its class


class TokenForm(forms.ModelForm[ApiToken]):
    """What a new token is for, and what it may do."""

    prefix = "token"
    last_day = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The token ends with this day, in UTC. Without a day it stays valid until you revoke it.",
    )

    class Meta:
        model = ApiToken
        fields = ("label", "may_import", "may_read_decisions", "may_roll_back", "requests_per_minute")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.label_suffix = ""


@admin.register(Generator)
class GeneratorAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "model_version", "prompt_version", "owner", "state", "is_described_here"]
    list_filter = ["is_described", "state", "kind"]
    list_select_related = ["owner"]
    search_fields = ["name"]
    # What waits for a description comes first.
    ordering = ["is_described", "name"]
    deferred = ("guideline",)
    change_list_template = "admin/posts/generator/change_list.html"

    @admin.display(description="Described")
    def is_described_here(self, generator: Generator) -> str:
        return "yes" if generator.is_described else "not yet"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = request.user.has_perm("posts.manage_generators")
        return super().changelist_view(request, {"may_manage": may, "title": "Generators"} | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add the page for a new generator."""
        return [*page_paths(PAGES), *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one generator; new ones have a page of their own."""
        if object_id is None:
            raise PermissionDenied
        return GeneratorPage.as_view()(request, object_id=object_id)  # type: ignore[return-value]  # the stubs of a view say less


class GeneratorPage(AdminPage):
    """One generator: what is said about it, and its imports."""

    permissions: ClassVar[tuple[str, ...]] = ("view_generator",)
    model = Generator
    template = "posts/generator/change_form"
    form: GeneratorForm | None = None
    token_form: TokenForm | None = None
    # A new token, which this answer alone shows.
    secret = ""

    def find(self, object_id: str) -> Generator:
        return found(Generator.objects.select_related("owner"), object_id, "generator")

    def page(self, generator: Generator, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        (pending,) = capped_counts([generator.posts.waiting()], limit=FEW_COUNTED)
        return self.render(
            status=status,
            title=generator.name,
            trail=generators_trail(generator.name),
            generator=generator,
            form=self.form or GeneratorForm(instance=generator),
            may_manage=self.person.has_perm("posts.manage_generators"),
            may_see_tokens=self.person.has_perm("posts.view_apitoken"),
            tokens=generator.tokens.select_related("created_by"),
            token_form=self.token_form or TokenForm(),
            secret=self.secret,
            imports=generator.batches.order_by("-pk")[:IMPORTS_SHOWN] if generator.pk else (),
            pending=said_count(pending, limit=FEW_COUNTED),
            has_scorecard=card_of_generator(generator).count("came_in"),
        )

    def act(self, generator: Generator) -> str | HttpResponse:
        if self.action in self.actions and not self.person.has_perm("posts.manage_generators"):
            raise PermissionDenied
        return super().act(generator)

    def _create_token(self, generator: Generator) -> HttpResponseBase:
        form = self.token_form = TokenForm(self.request.POST)
        if not form.is_valid():
            return self.page(generator, status=422)
        token = form.instance
        token.generator, token.expires_at = generator, expiry_on(form.cleaned_data["last_day"])
        self.secret = create_token(token, by=self.person)
        self.token_form = None
        # The page itself, not a redirect: nothing else may ever contain the token.
        return self.page(generator)

    def _revoke_token(self, generator: Generator) -> str:
        number = number_in(self.request.POST.get("token", ""))
        token = generator.tokens.filter(pk=number).first() if number is not None else None
        if token is None:
            raise Refused("Choose a token of this generator.")
        revoke_token(token, by=self.person)
        return f"The token “{token.label}” is revoked. Requests with it are refused from now on."

    def _save(self, generator: Generator) -> str | HttpResponseBase:
        # The form writes into its instance, and what is refused must not show as saved.
        form = self.form = GeneratorForm(self.request.POST, instance=self.find(str(generator.pk)))
        if not form.is_valid():
            return self.page(generator, status=422)
        saved = save_generator(form.instance, by=self.person)
        begin_following_generator(saved, by=self.person)
        return f"Saved. A worker updates the lists of {saved}."

    actions: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "save": _save,
        "create-token": _create_token,
        "revoke-token": _revoke_token,
    }


class NewGeneratorPage(AdminPage):
    """A generator that no record has named yet, or whose description comes first."""

    permissions = ("manage_generators",)
    model = Generator
    template = "posts/generator/new"
    title = "New generator"
    form: GeneratorForm | None = None

    def page(self, subject: None, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        return self.render(trail=generators_trail("New"), form=self.form or GeneratorForm(), status=status)

    def act(self, subject: None) -> HttpResponseBase:  # type: ignore[override]  # it only answers
        form = self.form = GeneratorForm(self.request.POST)
        if not form.is_valid():
            return self.page(None, status=422)
        saved = save_generator(form.instance, by=self.person)
        begin_following_generator(saved, by=self.person)
        return HttpResponseRedirect(address_of(saved))


def generators_trail(name: str) -> list[Step]:
    """Return the trail of a page that belongs to the list of generators. name: of the page."""
    return [step("Generators", "posts_generator_changelist"), Step(name)]


def address_of(generator: Generator) -> str:
    """Return the address of the page of a generator."""
    return reverse("admin:posts_generator_change", args=[generator.pk])


PAGES = [("new/", NewGeneratorPage, "posts_generator_new")]
