"""The house style in the admin: its rules with what became of their findings, and the forms to write and load them."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from posts.admin.lookup import find_post, found
from posts.admin.pages import AdminAction, AdminPage
from posts.admin.trail import queue_trail, step
from posts.errors import Refused
from posts.models import Post, StyleRule
from posts.operations.house_style import (
    RuleDraft,
    apply_rule_again,
    load_style,
    rules_of_upload,
    save_rule,
    suppress_rule,
)

TITLE = "House style"
STARTER = "extends: substitution\nmessage: Use “%s” instead of “%s”.\nignorecase: true\nswap:\n  e-mail: email\n"


class RuleForm(forms.ModelForm[StyleRule]):
    """One rule."""

    stacks = forms.CharField(
        label="Only for these stacks", required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One per line. Empty: all.",
    )  # fmt: skip
    languages = forms.CharField(
        label="Only for these languages", required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One per line, such as en or German. Empty: all.",
    )  # fmt: skip

    class Meta:
        model = StyleRule
        fields = ("name", "source", "level", "is_on")
        widgets = {"source": forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono"})}

    field_order = ["name", "source", "level", "stacks", "languages", "is_on"]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.label_suffix = ""
        for name in ("stacks", "languages"):
            self.initial[name] = "\n".join(getattr(self.instance, name))

    def draft(self) -> RuleDraft:
        """Return what was typed."""
        data = self.cleaned_data
        return RuleDraft(
            name=data["name"],
            source=data["source"],
            level=data["level"],
            is_on=data["is_on"],
            stacks=data["stacks"].splitlines(),
            languages=data["languages"].splitlines(),
        )


class HouseStylePage(AdminPage):
    """All rules, and the form that loads a style."""

    permissions = ("view_stylerule",)
    title = TITLE
    template = "house_style/rules"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        rules = StyleRule.objects.defer("source").annotate(exceptions=Count("style_exceptions"))
        return self.render(
            status=status,
            trail=queue_trail(self.title),
            rules=list(rules),
            may_change=self.person.has_perm("posts.change_stylerule"),
        )

    def act(self, subject: None) -> str:
        """Load the uploaded style."""
        if not self.person.has_perm("posts.change_stylerule"):
            raise PermissionDenied
        file = self.request.FILES.get("style")
        if file is None:
            raise Refused("Choose a file of at most 1 MB.")
        done = load_style(rules_of_upload(file.name or "", file.read()), by=self.person)
        kept = f" {len(done.unsupported)} are not used; the table says why." if done.unsupported else ""
        return f"{done.created} rules added as advice, {done.changed} changed, {done.unchanged} unchanged.{kept}"


class RulePage(AdminPage):
    """The form of a rule, and the posts to which it does not apply."""

    permissions = ("view_stylerule", "change_stylerule")
    template = "house_style/rule"
    form: RuleForm | None = None

    def find(self, number: int | None = None) -> StyleRule | None:
        if number is None:
            return None
        rule: StyleRule = found(StyleRule.objects.all(), str(number), "rule")
        return rule

    def page(self, rule: StyleRule | None, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        title = rule.name if rule else "New rule"
        exceptions = rule.style_exceptions.select_related("post", "made_by").order_by("-pk")[:50] if rule else ()
        return self.render(
            status=status,
            title=title,
            trail=queue_trail(title, step(TITLE, "house_style")),
            rule=rule,
            form=self.form or (RuleForm(instance=rule) if rule else RuleForm(initial={"source": STARTER})),
            exceptions=exceptions,
        )

    def act(self, rule: StyleRule | None) -> str | HttpResponseBase:  # type: ignore[override]  # it may answer itself
        # The form writes into its instance, and what is refused must not show as saved.
        form = self.form = RuleForm(self.request.POST, instance=self.find(rule.pk) if rule else None)
        if not form.is_valid():
            return self.page(rule, status=422)
        saved = save_rule(form.draft(), by=self.person, rule=rule)
        return f"{saved.name} is saved. A background job checks all texts with it."

    def next_address(self, subject: Any) -> str:
        """Return the list of rules."""
        return reverse("admin:house_style")


class StyleException(AdminAction):
    """Suppresses a rule for a post, or lets it apply again."""

    permissions = ("view_post", "view_revision")

    def find(self, post_id: int) -> Post:
        return find_post(post_id)

    def act(self, post: Post) -> str:
        """Carry out the pressed button."""
        name = self.request.POST.get("rule", "")
        match self.action:
            case "suppress":
                suppress_rule(post, name, reason=self.request.POST.get("reason", ""), by=self.person)
                return f"{name} no longer applies to this post."
            case "apply":
                apply_rule_again(post, name, by=self.person)
                return f"{name} applies to this post again."
        raise Http404("Unknown action.")

    def next_address(self, post: Post) -> str:
        """Return the review screen."""
        return reverse("admin:review", args=[post.pk]) + "#checks"


PAGES = [
    ("house-style/", HouseStylePage, "house_style"),
    ("house-style/new/", RulePage, "house_style_new"),
    ("house-style/<int:number>/", RulePage, "house_style_rule"),
    ("review/<int:post_id>/style/", StyleException, "review_style"),
]
