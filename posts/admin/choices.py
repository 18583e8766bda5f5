"""Values that fields offer while a person types: the field takes others too, and the browser searches the list.

A widget names its list by `offers()`; the page has each list once, by the template tag `choice_list`.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from posts.rendering.languages import code_language_name, language_name

DIFFICULTIES = ("beginner", "intermediate", "advanced")
LICENCES = (
    "CC0 1.0", "CC BY 4.0", "CC BY-SA 4.0", "CC BY-ND 4.0", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "CC BY-NC-ND 4.0",
    "CC BY 3.0", "CC BY-SA 3.0", "Public domain", "Unsplash Licence", "Pexels Licence", "Pixabay Content Licence",
    "MIT Licence", "Apache Licence 2.0", "GFDL 1.3", "Own work, all rights reserved", "Used with permission",
)  # fmt: skip
# As authors write them behind a fence.
CODE_LANGUAGES = """
    bash batch c clojure cmake cpp csharp css dart diff dockerfile elixir erlang fish fortran fsharp go graphql groovy
    haskell hcl html http ini java javascript jinja json json5 jsonnet jsx julia kotlin less lua make markdown matlab
    mysql nginx nim nix objectivec ocaml perl php plpgsql postgresql powershell prolog promql properties protobuf puppet
    python r racket rego rst ruby rust sass scala scheme scss smalltalk solidity sparql sql swift systemd tcl terraform
    tex text toml tsx typescript vbnet vim vue wasm xml yaml zig zsh
""".split()


@lru_cache(maxsize=1)
def zone_names() -> list[str]:
    """Return the names of the time zones where people live, the site's own first.

    Python looks at some six hundred files to name them.
    """
    named = sorted(
        zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/"))
    )
    return list(dict.fromkeys([settings.TIME_ZONE, "UTC", *named]))


def offers(name: str, **attrs: str) -> forms.TextInput:
    """Return the widget of a field that offers the list `name`, one of LISTS."""
    return forms.TextInput(attrs={"dir": "auto", "list": _id_of(name), "autocomplete": "off", **attrs})


@cache
def choice_list(name: str) -> SafeString:
    """Return the list `name` as HTML, for a page with fields that offer it."""
    options = format_html_join("", '<option value="{}">{}</option>', LISTS[name]())
    return format_html('<datalist id="{}">{}</datalist>', _id_of(name), options)


def _id_of(name: str) -> str:
    return f"choices-{name}"


def _languages() -> list[tuple[str, str]]:
    """Return (tag, English name) of the languages that Django knows, by name."""
    # Some codes are second ones of a language.
    tags = [_tag(code) for code, info in LANG_INFO.items() if "name" in info]
    return sorted(((tag, language_name(tag)) for tag in tags), key=lambda choice: choice[1])


def _tag(code: str) -> str:
    """Return a code as a language tag is written (BCP 47): pt-br → pt-BR, zh-hans → zh-Hans."""
    language, _, rest = code.partition("-")
    if not rest:
        return language
    return f"{language}-{rest.upper() if re.fullmatch('[a-z]{2}', rest) else rest.capitalize()}"


# The options of each list: (value, words).
LISTS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "difficulty": lambda: [(level, "") for level in DIFFICULTIES],
    "licence": lambda: [(licence, "") for licence in LICENCES],
    "language": _languages,
    "code-language": lambda: [(name, code_language_name(name)) for name in CODE_LANGUAGES],
    "zone": lambda: [(zone, "") for zone in zone_names()],
}


class ZoneField(forms.CharField):
    """A time zone by its name. The city alone is enough, in any case: new york is America/New_York."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "Clear the field to search the list, or type a city.")
        super().__init__(widget=offers("zone", dir="ltr"), max_length=100, **options)

    def clean(self, value: Any) -> str:
        """Return the name of the zone."""
        typed = str(super().clean(value)).casefold().replace(" ", "_")
        names = zone_names()
        found = [name for name in names if name.casefold() == typed]
        found = found or [name for name in names if name.casefold().rpartition("/")[2] == typed]
        if len(found) != 1:
            raise ValidationError(
                "“%(typed)s” is not a known time zone. Choose one from the list, for example Europe/Zagreb.",
                params={"typed": value},
            )
        return found[0]
