"""The templates of the public pages: Jinja2, which compiles them to Python once. The desk has Django's own.

What a template may call stands here; everything else that a page shows is in the context that its view gives.
"""

from functools import lru_cache
from urllib.parse import quote

from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils.text import capfirst
from jinja2 import Environment, Template

from posts.rendering import icons
from posts.rendering.control_characters import html_text
from posts.rendering.dates import day, in_site_zone
from posts.reverse import address
from posts.templatetags.posts import grouped

# The pages that the header leads to.
_PLACES = (("posts:articles",), ("posts:kind", "stacks"), ("posts:how",), ("posts:search",))


class _Compiled(Template):
    """Whatever a record or a request holds, a page of ours holds no control character.

    Skips a comparison at each import, of which a page has ten: Jinja2 makes what is imported anew where the
    importing template has globals of its own, and none here has."""

    def render(self, *args, **kwargs):
        return html_text(super().render(*args, **kwargs))

    def _get_default_module(self, ctx=None):
        return super()._get_default_module()


class _Environment(Environment):
    """Looks into a record by its key first: to ask a dict for an attribute that it has not takes ten times as long, and
    a list asks two hundred times."""

    template_class = _Compiled

    def getattr(self, obj, attribute):
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        try:
            return getattr(obj, attribute)
        except AttributeError:
            return super().getattr(obj, attribute)


def environment(**options):
    """The jinja2.Environment of the public pages; options: those of settings.TEMPLATES."""
    made = _Environment(trim_blocks=True, lstrip_blocks=True, **options)
    made.globals |= {"kept": kept, "place_in_header": place_in_header, "static": static, "url": address}
    made.globals |= {name: getattr(icons, name) for name in icons.__all__}
    made.filters |= {
        "capfirst": capfirst,
        "clock": clock,
        "day": day,
        "grouped": grouped,
        "iso_day": iso_day,
        "moment": moment,
        "quoted": quoted,
        "shortened": shortened,
    }
    return made


def kept(macro, *values):
    """What a macro gives for these values, made once: for parts that are the same on every page."""
    return _kept(macro, get_script_prefix(), *values)


@lru_cache(maxsize=64)
def _kept(macro, prefix, *values):
    return macro(*values)


def place_in_header(path):
    """The name of the page at `path` if the header leads there, without "posts:"; else ""."""
    return next((place[0].partition(":")[2] for place in _PLACES if address(*place) == path), "")


def moment(at):
    """A moment as HTML and schema.org take it, in the site's zone: 2026-05-18T09:30:00+00:00."""
    return in_site_zone(at).isoformat(timespec="seconds")


def iso_day(at):
    """The day of a moment in the site's zone: 2026-05-18."""
    return in_site_zone(at).date().isoformat()


def clock(at):
    """The time of day of a moment in the site's zone: 09:30."""
    return f"{in_site_zone(at):%H:%M}"


def quoted(words):
    """Words as a value in the query of an address."""
    return quote(words, safe="")


def shortened(text, words, characters):
    """At most so many words of a text and so many characters, in one line; … stands for the rest."""
    found = str(text).split(None, words)
    short = " ".join(found[:words])
    if len(found) > words:
        short += " …"
    return short if len(short) <= characters else f"{short[: characters - 1].rstrip()}…"
