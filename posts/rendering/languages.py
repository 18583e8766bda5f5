"""The names of languages on pages: of those that people speak, and of those of code."""

from django.conf.locale import LANG_INFO
from django.utils.text import capfirst

from posts.rendering.code_languages import language_names

# Django names the two ways to write it, and not the language.
_MORE = {"zh": "Chinese"}


def language_name(tag: str) -> str:
    """Return the English name of a language tag (BCP 47): ar → Arabic, de-AT → German (AT).

    A tag of an unknown language is returned unchanged.
    """
    code, _, rest = tag.lower().partition("-")
    if name := _name_of(f"{code}-{rest}") if rest else "":
        return name
    name = _name_of(code)
    if not name:
        return tag
    return f"{name} ({tag.partition('-')[2]})" if rest else name


def _name_of(code: str) -> str:
    """Return the name that Django has for a language code, which may be a second code of a language, or ""."""
    info = LANG_INFO.get(code, {})
    for other in info.get("fallback", ()):
        info = LANG_INFO.get(other, info)
    return str(info.get("name", _MORE.get(code, "")))


def code_language_name(written: str) -> str:
    """Return the proper name of a programming language: yaml → YAML. One without a known name gets a capital letter."""
    name = language_names(written.lower())[1]
    return capfirst(written) if written.lower().startswith(name) else name
