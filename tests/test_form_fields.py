"""Fields of forms are the HTML that Django's own templates give."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from alphanode.form_renderer import INPUTS, FormRenderer
from posts.admin.posts.page import ImageRow
from posts.admin.posts.record_form import record_forms
from posts.templatetags.form_rows import form_row

WIDGETS = [
    forms.TextInput,
    forms.NumberInput,
    forms.HiddenInput,
    forms.EmailInput,
    forms.URLInput,
    forms.DateInput,
    forms.TimeInput,
    forms.CheckboxInput,
]
ATTRS = {"id": "id_a", "dir": "auto", "required": True, "disabled": False, "data-words": '"quoted" & <b>'}


def test_every_kind_of_input_is_tried():
    assert {widget.template_name for widget in WIDGETS} == INPUTS


@pytest.mark.parametrize("widget", [*WIDGETS, forms.Textarea], ids=lambda widget: widget.__name__)
@pytest.mark.parametrize("value", ["", "7", '<script>"&', None, "a\nb"], ids=repr)
def test_a_field_is_what_django_itself_makes_of_it(widget, value):
    ours, djangos = (widget(ATTRS).render("a", value, renderer=one()) for one in (FormRenderer, DjangoTemplates))
    # The engines write a quotation mark differently.
    assert ours.replace("&#34;", "&quot;") == djangos
    assert isinstance(ours, SafeString)


@pytest.mark.parametrize("value", ["", "a", '<b>"', None, 7, "none"], ids=repr)
def test_a_choice_is_what_django_itself_makes_of_it(value):
    choices = [("", "Nothing"), ("Letters", [("a", "A & B"), ('<b>"', "<b>")]), (7, "Seven")]
    widget = forms.Select(ATTRS, choices)
    ours, djangos = (widget.render("a", value, renderer=one()) for one in (FormRenderer, DjangoTemplates))
    assert "".join(map(str.strip, ours.splitlines())) == "".join(map(str.strip, djangos.splitlines()))


def test_a_field_group_names_label_help_and_errors():
    class Form(forms.Form):
        title = forms.CharField(label="Title <b>", help_text="Short.")

    group = str(Form({"title": ""})["title"].as_field_group())
    assert '<label for="id_title">Title &lt;b&gt;</label>' in group
    assert '<p class="help" id="id_title_helptext">Short.</p>' in group
    assert 'class="errorlist" id="id_title_error"' in group
    assert 'aria-describedby="id_title_helptext id_title_error"' in group


def test_an_empty_row_is_rendered_once_and_gets_its_own_names():
    template = "admin/posts/post/_image_row.html"
    image = {"url": "https://images.example/a.png", "source": "A host", "caption": "Words"}
    for _ in range(2):
        _, images, _ = record_forms({"image_sources": [image]})
        for form in (*images.forms, images.empty_form):
            row = ImageRow(form, 1)
            assert form_row(template, row, form) == render_to_string(template, {"row": row})
