"""An article as HTML for feed readers: the text and its pictures, without drawings and styles."""

import hashlib
import re

import nh3
from django.utils.html import escape

from posts.rendering.sanitizer import TAGS

# What stands in the page for the eye alone, or for screen readers alone, and would be read twice in a feed.
_BESIDE = re.compile(
    r'<a class="permalink"[^>]*></a>|<span class="(?:figure__notch|hidden-text)"[^>]*>[^<]*</span>'
    r'|<a href="#[^"]*"[^>]*aria-label="Back to [^"]*"[^>]*>[^<]*</a>'
)
_SPACE = re.compile(r"\s*\n\s*\n\s*")


# Of the newest articles of the site and of three lists. Each has some ten kilobytes.
MOST_KEPT = 120
# What an article is made of → its HTML in feeds.
_kept: dict[bytes, str] = {}


def article_feed_html(html: str, *, address: str, disclosure: str) -> str:
    """Return the HTML of an article, as render_text() gives it, for a feed: the disclosure first, every address whole.

    address: of the article, which links within it lead to. The same articles are in every feed, and cleaning one takes
    twenty times as long as its digest.
    """
    key = hashlib.sha256("\0".join((address, disclosure, html)).encode(errors="surrogatepass")).digest()
    if (found := _kept.get(key)) is not None:
        return found
    made = _cleaned(html, address, disclosure)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = made
    return made


def _cleaned(html: str, address: str, disclosure: str) -> str:
    cleaner = nh3.Cleaner(
        tags=TAGS | {"figure", "figcaption", "img"},
        clean_content_tags={"svg"},
        attributes={
            "a": {"href", "title"},
            "abbr": {"title"},
            "img": {"src", "alt", "width", "height"},
            "ol": {"start"},
        },
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", address),
        link_rel="nofollow noopener",
        strip_comments=True,
    )
    text = _SPACE.sub("\n", cleaner.clean(_BESIDE.sub("", html)))
    return f"<p><em>{escape(disclosure)}</em></p>\n{text}"
