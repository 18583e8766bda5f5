"""How form fields become HTML."""

from collections.abc import Callable, Mapping
from functools import cached_property
from html import escape
from typing import Any

from django.conf import settings
from django.forms import BoundField
from django.forms.renderers import Jinja2, TemplatesSetting
from django.http import HttpRequest
from django.template.backends.jinja2 import Jinja2 as Jinja2Templates

# Django has a template for each kind of input; each includes the same one.
INPUTS = frozenset(
    f"django/forms/widgets/{kind}.html"
    for kind in ("text", "number", "hidden", "email", "url", "date", "time", "checkbox")
)


def _text(value: object) -> str:
    """Return a value as HTML; what is HTML already stays as it is."""
    if type(value) is str:
        return escape(value)
    return value.__html__() if hasattr(value, "__html__") else escape(str(value))


def _attributes(attributes: Mapping[str, Any]) -> str:
    return "".join(
        f" {_text(name)}" if value is True else f' {_text(name)}="{_text(value)}"'
        for name, value in attributes.items()
        if value is not False
    )


def _input(context: Mapping[str, Any]) -> str:
    widget = context["widget"]
    value = {} if widget["value"] is None else {"value": widget["value"]}
    return f"<input{_attributes({'type': widget['type'], 'name': widget['name'], **value, **widget['attrs']})}>"


def _textarea(context: Mapping[str, Any]) -> str:
    widget = context["widget"]
    return (
        f'<textarea name="{_text(widget["name"])}"{_attributes(widget["attrs"])}>\n'
        f"{_text(widget['value'] or '')}</textarea>"
    )


def _select(context: Mapping[str, Any]) -> str:
    widget = context["widget"]
    parts = [f'<select name="{_text(widget["name"])}"{_attributes(widget["attrs"])}>']
    for heading, options, _ in widget["optgroups"]:
        parts += [f'<optgroup label="{_text(heading)}">'] if heading else []
        parts += [
            f'<option value="{_text(option["value"])}"{_attributes(option["attrs"])}>{_text(option["label"])}</option>'
            for option in options
        ]
        parts += ["</optgroup>"] if heading else []
    return "\n".join([*parts, "</select>"])


def _field(context: Mapping[str, Any]) -> str:
    """Return one field with label, help and errors, for {{ field.as_field_group }}.

    The ids of errors and help are those that Django's fields point to. Rows of small fields are a group with a name of
    its own.
    """
    field: BoundField = context["field"]
    name, label, errors = _text(field.name), _text(field.label), field.form.errors.get(field.name)
    classes = f"field field--{name}{' field--error' if errors else ''}"
    if field.widget_type == "rows":
        begin, end = (
            f'<fieldset id="field_{name}" class="{classes} field--rows"><legend>{label}</legend>',
            "</fieldset>",
        )
    else:
        begin = f'<div class="{classes}"><label for="{_text(field.id_for_label or "")}">{label}</label>'
        end = "</div>"
    parts = [begin, field.as_widget()]
    if errors:
        parts.append(f'<ul class="errorlist" id="{_text(field.auto_id)}_error">')
        parts += [f'<li><span aria-hidden="true">✕</span> {label} {_text(error)}</li>' for error in errors]
        parts.append("</ul>")
    if field.help_text:
        parts.append(f'<p class="help" id="{_text(field.auto_id)}_helptext">{_text(field.help_text)}</p>')
    return "\n".join([*parts, end])


# A form of a post has more than a hundred fields. Written here they take a third of what templates take for them.
FIELD = "forms/field.html"
WRITTEN: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(INPUTS, _input),
    "django/forms/widgets/textarea.html": _textarea,
    "django/forms/widgets/select.html": _select,
    FIELD: _field,
}


class FormRenderer(TemplatesSetting):
    """Renders Django's own fields, and ours of templates/forms/, with Jinja2; those of Django's admin with its engine.

    The form of a post has more than a hundred fields, and a choice of time zones has five hundred options. Each of them
    would be a template with two more inside, which takes Django's engine as long as all the rest of the page.
    """

    field_template_name = FIELD

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        """Return the HTML of a field, or of something around fields."""
        if write := WRITTEN.get(template_name):
            return write(context)
        return super().render(template_name, context, request)

    def get_template(self, template_name: str) -> Any:
        if template_name.startswith(("django/forms/", "forms/")):
            return self._compiled.get_template(template_name)
        return super().get_template(template_name)

    @cached_property
    def _compiled(self) -> Jinja2Templates:
        folders = [settings.BASE_DIR / "templates", *Jinja2().engine.template_dirs]
        return Jinja2Templates({"NAME": "forms", "DIRS": folders, "APP_DIRS": False, "OPTIONS": {}})
