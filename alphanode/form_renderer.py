"""How form fields become HTML."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.forms.renderers import Jinja2, TemplatesSetting
from django.http import HttpRequest
from django.template.backends.jinja2 import Jinja2 as Jinja2Templates
from markupsafe import escape

# Django has a template for each kind of input; each includes the same one.
INPUTS = frozenset(
    f"django/forms/widgets/{kind}.html" for kind in ("text", "number", "hidden", "email", "url", "date", "time")
)


class Input:
    """An input, as Django's own template gives it, without two templates inside: a form has a hundred of them."""

    def render(self, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        """Return its HTML. context: from the widget."""
        widget = context["widget"]
        attributes = {"type": widget["type"], "name": widget["name"]}
        if widget["value"] is not None:
            attributes["value"] = widget["value"]
        attributes |= widget["attrs"]
        parts = [
            f" {escape(name)}" if value is True else f' {escape(name)}="{escape(value)}"'
            for name, value in attributes.items()
            if value is not False
        ]
        return f"<input{''.join(parts)}>"


class FormRenderer(TemplatesSetting):
    """Renders Django's own fields, and ours of templates/forms/, with Jinja2; those of Django's admin with its engine.

    The form of a post has more than a hundred fields, and a choice of time zones has five hundred options. Each of them
    would be a template with two more inside, which takes Django's engine as long as all the rest of the page.
    """

    field_template_name = "forms/field.html"

    def get_template(self, template_name: str) -> Any:
        if template_name in INPUTS:
            return Input()
        if template_name.startswith(("django/forms/", "forms/")):
            return self._compiled.get_template(template_name)
        return super().get_template(template_name)

    @cached_property
    def _compiled(self) -> Jinja2Templates:
        folders = [settings.BASE_DIR / "templates", *Jinja2().engine.template_dirs]
        return Jinja2Templates({"NAME": "forms", "DIRS": folders, "APP_DIRS": False, "OPTIONS": {}})
