"""The one sanitizer: HTML with only the tags, attributes and address schemes that an article may have.

Nothing that a text contains reaches a page without it, or without escaping.
"""

import re

import nh3
from django.utils.safestring import SafeString, mark_safe

TAGS = {
    "a", "abbr", "blockquote", "br", "code", "dd", "details", "div", "dl", "dt", "em", "h2", "h3", "h4", "h5", "h6",
    "hr", "kbd", "li", "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "th", "thead", "tr", "ul",
}  # fmt: skip
# The prefix of every id of a text, so that none is an id of the page around it.
ID_PREFIX = "s-"
ATTRIBUTES = {
    "a": {"href", "title", "id", "aria-label", "class"},
    "abbr": {"title"},
    "code": {"class"},
    "dt": {"id"},
    "li": {"id"},
    "span": {"class", "id"},
    "sup": {"class"},
    "div": {"class", "dir", "tabindex", "role", "aria-label"},
    "p": {"class"},
    "pre": {"tabindex", "role", "aria-label"},
    "ol": {"start"},
    "th": {"class", "colspan", "rowspan"},
    "td": {"class", "colspan", "rowspan"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
    id_prefix=ID_PREFIX,
)
# For a text with marked changes: two more tags, and the classes of marks and labels.
_MARKED_CLEANER = nh3.Cleaner(
    tags=TAGS | {"ins", "del"},
    attributes={
        **ATTRIBUTES,
        **{tag: {"class"} for tag in ("ins", "del", "li", "table", "tr")},
        "div": {"class", "id"},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
)
_EMPTY_LINK = re.compile(r'<a((?: title="[^"]*")?)(?: class="bare")? rel="nofollow ugc noopener">')


def sanitize(html: str) -> SafeString:
    """Return HTML with only the tags, attributes and address schemes that an article may have."""
    return mark_safe(_without_empty_links(_CLEANER.clean(html)))  # noqa: S308 (this is the door)


def _without_empty_links(html: str) -> str:
    """Return HTML without the other attributes of links whose address was removed."""
    return _EMPTY_LINK.sub(r"<a\1>", html)


def sanitize_marked(html: str) -> SafeString:
    """Return HTML like sanitize(), and keep `ins`, `del` and the numbered frames of a marked text."""
    return mark_safe(_without_empty_links(_MARKED_CLEANER.clean(html)))  # noqa: S308 (this is the door)
