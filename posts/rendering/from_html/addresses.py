"""Addresses in HTML: where links lead, and which image an `img` finally shows."""

import re
from typing import TypeGuard
from urllib.parse import urljoin, urlsplit

from posts.rendering.from_html.tree import Element, Node
from posts.rendering.from_html.words import has_words

# The address of an image that a script loads later; `src` then has a grey or blurred one.
_IMAGE_ADDRESSES = ("data-lazy-src", "data-src", "data-original", "data-original-src", "data-lazy", "src",
                    "data-orig-file", "data-image")  # fmt: skip
_SETS_OF_ADDRESSES = ("data-lazy-srcset", "data-srcset", "srcset")
_OF_SET = re.compile(r"\s*([^\s,]\S*[^\s,]|[^\s,])(?:\s+(\d{1,6}(?:\.\d{1,3})?)([wx]))?\s*(?:,|$)")
_BLANK = ("blank.gif", "blank.png", "spacer.gif", "pixel.gif", "placeholder.gif", "placeholder.png", "placeholder.svg",
          "1x1.trans.gif", "1x1.gif", "1x1.png", "transparent.gif", "transparent.png", "grey.gif", "loading.gif",
          "lazy.png", "lazy.svg", "trans.gif")  # fmt: skip


class Addresses:
    """The addresses of one text.

    base: the base of relative ones. keeps_addresses: leave them relative.
    """

    def __init__(self, base: str, keeps_addresses: bool) -> None:
        self.base = base
        self.keeps_addresses = keeps_addresses
        self.places: set[str] = set()  # ids of headings that links within the text lead to

    def settle_fallbacks(self, root: Element) -> None:
        """Make one image of each pair for browsers with and without scripts (`noscript`).

        Also give an `img` the addresses of the `source` elements beside it in a `picture`.
        """
        for parent in [root, *root.walk()]:
            if parent.tag == "picture":
                sets = [child.attributes.get("srcset", "") for child in parent.children if is_hidden(child)]
                for picture in images_of(parent):
                    picture.attributes.setdefault("data-srcset", next(filter(None, sets), ""))
            children = [child for child in parent.children if isinstance(child, Element) or child.strip()]
            for index, child in enumerate(children):
                if isinstance(child, Element) and child.tag == "noscript":
                    beside = [*children[max(0, index - 1) : index], *children[index + 1 : index + 2]]
                    self._settle_fallback(child, [node for node in beside if isinstance(node, Element)])

    def _settle_fallback(self, noscript: Element, beside: list[Element]) -> None:
        fallbacks = images_of(noscript)
        if len(fallbacks) != 1 or has_words(noscript.children):
            return
        fallback = fallbacks[0]
        url = self.of_image(fallback)
        for picture in (found for node in beside if node.tag != "noscript" for found in images_of(node)):
            own = self.of_image(picture)
            is_lazy = any(name.startswith("data-") for name in picture.attributes) or "lazy" in str(picture.attributes)
            if not own or own.partition("?")[0] == url.partition("?")[0] or (is_lazy and own.endswith(_BLANK)):
                if not own or own.endswith(_BLANK):
                    picture.attributes["data-lazy-src"] = url
                for name in ("alt", "title", "width", "height", "class"):
                    if not picture.attributes.get(name) and fallback.attributes.get(name):
                        picture.attributes[name] = fallback.attributes[name]
                noscript.children.clear()
                return

    def of_image(self, element: Element) -> str:
        """Return the address of the image that an `img` finally shows, or ""."""
        values = element.attributes
        addresses = (self.of_link(values.get(name, "")) for name in _IMAGE_ADDRESSES)
        sets = (self.of_link(_largest(values.get(name, ""))) for name in _SETS_OF_ADDRESSES)
        urls = [url for url in (*addresses, *sets) if self.is_of_a_picture(url)]
        # An image of one grey point is only shown while the other loads.
        return next((url for url in urls if not url.partition("?")[0].endswith(_BLANK)), next(iter(urls), ""))

    def is_of_a_picture(self, url: str) -> bool:
        if self.keeps_addresses and url and not url.startswith(("#", "mailto:")):
            return True
        return url.startswith(("http://", "https://"))

    def of_link(self, address: str) -> str:
        """Return `address` absolute and safe for a link; "" if readers may not follow it."""
        address = "".join(character for character in address.strip() if character.isprintable())
        if not address:
            return ""
        if address.startswith("#"):
            return address if self.keeps_addresses or address[1:] in self.places else ""
        try:
            address = urljoin(self.base, address)
            scheme = urlsplit(address).scheme.lower()
        except ValueError:
            return ""
        if scheme not in ("http", "https", "mailto") and (scheme or not self.keeps_addresses):
            return ""
        return address.replace(" ", "%20")


def _largest(text: str) -> str:
    """Return the address with the largest width or density in a `srcset`."""
    found, place = [], 0
    while match := _OF_SET.match(text, place):
        found.append((float(match[2] or 1), match[1]))
        place = match.end()
    return max(found, default=(0, ""), key=lambda pair: pair[0])[1]


def images_of(element: Element) -> list[Element]:
    return [node for node in (element, *element.walk()) if node.tag == "img"]


def is_hidden(node: Node) -> TypeGuard[Element]:
    return isinstance(node, Element) and node.tag in ("source", "track", "param", "embed", "iframe")
