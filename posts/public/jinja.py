"""The templates of the public pages: Jinja2, which compiles them to Python once. The admin uses Django's engine.

What a template may call is here; everything else that a page shows is in the context from its view.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from types import CodeType
from typing import Any
from urllib.parse import quote

from django.templatetags.static import static
from django.utils.text import capfirst
from jinja2 import Environment, Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup

from posts.public.json_ld import site_picture
from posts.rendering import icons
from posts.rendering.control_characters import html_text
from posts.rendering.dates import day, in_site_zone
from posts.rendering.escaping import escaped
from posts.rendering.figures import picture_of_list
from posts.rendering.languages import code_language_name, language_name
from posts.reverse import address, prefix
from posts.search.snippets import Marked
from posts.templatetags.posts import grouped

# The pages that the header leads to.
_PLACES = (("posts:articles",), ("posts:kind", "stacks"), ("posts:how",), ("posts:search",))


class _Compiled(Template):
    """A template whose pages contain no control character, whatever a record or a request holds.

    It skips a comparison at each import, of which a page has ten: Jinja2 renders an import again if the importing
    template has globals of its own, and none here has.
    """

    @classmethod
    def from_code(cls, environment: Environment, code: CodeType, *args: Any, **options: Any) -> Template:
        made = super().from_code(environment, code, *args, **options)
        # What a template writes is joined to one text at the end: its pieces need no wrapper of their own.
        made.root_render_func.__globals__["escape"] = escaped
        return made

    def render(self, *args: Any, **kwargs: Any) -> str:
        return html_text(super().render(*args, **kwargs))

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class _Environment(Environment):
    """Looks up keys of a record before attributes.

    Asking a dict for a missing attribute takes ten times as long, and a list does it two hundred times.
    """

    template_class = _Compiled

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        try:
            return getattr(obj, attribute)
        except AttributeError:
            return super().getattr(obj, attribute)


def environment(**options: Any) -> Environment:
    """Return the jinja2.Environment of the public pages. options: those of settings.TEMPLATES."""
    made = _Environment(trim_blocks=True, lstrip_blocks=True, **options)
    made.globals |= {
        "kept": kept,
        "found_lines": found_lines,
        "GAP": GAP,
        "kept_of": kept_of,
        "kept_of_each": kept_of_each,
        "place_in_header": place_in_header,
        "static": static,
        "url": address,
    }
    made.globals["site_picture"] = site_picture
    made.globals |= {name: getattr(icons, name) for name in icons.__all__}
    made.globals["picture_of_list"] = picture_of_list
    made.filters |= {
        "capfirst": capfirst,
        "clock": clock,
        "code_language_name": code_language_name,
        "day": day,
        "grouped": grouped,
        "iso_day": iso_day,
        "language_name": language_name,
        "moment": moment,
        "names": names,
        "quoted": quoted,
    }
    return made


def kept(macro: Callable[..., Any], *values: Any) -> Any:
    """Return a macro's result for these values, rendered once: for parts that are the same on every page."""
    return _kept(macro, prefix(), *values)


@lru_cache(maxsize=64)
def _kept(macro: Callable[..., Any], below: str, *values: Any) -> Any:
    return macro(*values)


# (macro, identity of a thing, …) → the thing, which lives as long as its number is used here, and the result.
_of_things: dict[tuple[Any, ...], tuple[Any, Any]] = {}
MOST_THINGS = 600
# Where something stands in HTML that is kept. No page contains it.
GAP = "\0"


def kept_of(macro: Callable[..., Any], thing: Any, *values: Any) -> Any:
    """Return a macro's result for a thing, and values, rendered once: for what the same object shows on many pages.

    The thing never changes; another object is rendered anew, even if it is equal.
    """
    key = (macro, id(thing), prefix(), *values)
    found = _of_things.get(key)
    return found[1] if found is not None else _keep(key, macro, thing, values)


def kept_of_each(macro: Callable[..., Any], things: Iterable[Any]) -> Markup:
    """Return what kept_of() returns of each thing, one below the other."""
    below, parts = prefix(), []
    for thing in things:
        key = (macro, id(thing), below)
        found = _of_things.get(key)
        parts.append(found[1] if found is not None else _keep(key, macro, thing, ()))
    return Markup("\n    ".join(parts))  # noqa: S704 (results of macros, which escape)


def _keep(key: tuple[Any, ...], macro: Callable[..., Any], thing: Any, values: tuple[Any, ...]) -> Any:
    made = macro(thing, *values)
    if len(_of_things) > MOST_THINGS:
        _of_things.clear()
    _of_things[key] = thing, made
    return made


def found_lines(macro: Callable[..., Any], rows: Iterable[tuple[Any, Marked, Marked]]) -> Markup:
    """Return what a search finds: for each (thing, title, passage) a macro's result for the thing, rendered once.

    The macro writes GAP where the title and the passage stand, each with its hits, and no text of a record before.
    """
    below, parts = prefix(), []
    for thing, title, passage in rows:
        key = (macro, id(thing), below)
        found = _of_things.get(key)
        kept_html = found[1] if found is not None else _keep(key, macro, thing, ())
        before, between, after = str.split(kept_html, GAP, 2)
        parts += [before, _marked_html(title), between, _marked_html(passage), after]
    return Markup("".join(parts))  # noqa: S704 (results of macros, which escape, and of _marked_html)


def _marked_html(parts: Marked) -> str:
    """Return words with the hits in them as HTML."""
    return "".join([f"<mark>{escaped(words)}</mark>" if is_hit else escaped(words) for words, is_hit in parts])


def place_in_header(path: str) -> str:
    """Return the name (without "posts:") of the page at `path` if the header links to it; else ""."""
    return next((place[0].partition(":")[2] for place in _PLACES if address(*place) == path), "")


def moment(at: datetime) -> str:
    """Return a datetime for HTML and schema.org, in the site's zone: 2026-05-18T09:30:00+00:00."""
    return in_site_zone(at).isoformat(timespec="seconds")


def iso_day(at: datetime) -> str:
    """Return the day of a datetime in the site's zone: 2026-05-18."""
    return in_site_zone(at).date().isoformat()


def clock(at: datetime) -> str:
    """Return the time of day of a datetime in the site's zone: 09:30."""
    return f"{in_site_zone(at):%H:%M}"


def names(words: Sequence[str]) -> Markup:
    """Return names as a list in words: React, Rust and Django. Each may run in the other direction."""
    *others, last = [f"<bdi>{escaped(word)}</bdi>" for word in words] or [""]
    return Markup(f"{', '.join(others)} and {last}" if others else last)  # noqa: S704 (every name goes through escaped)


def quoted(words: str) -> str:
    """Return words as a value in the query of an address."""
    return quote(words, safe="")
