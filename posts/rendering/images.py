"""Which images a page may load, and which are drawn here instead."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

# These only put text on a flat colour: drawn here, they need no request and reveal no reader.
DRAWN_HOSTS = frozenset({"dummyimage.com", "placehold.co"})
MAX_URL_LENGTH = 2000
READABLE_CONTRAST = 4.5
_HOST = re.compile("[^/?#]*")
# ASCII without spaces, control characters and backslashes.
_SANE = re.compile(r"https://[!-\[\]-~]*")
# A path below STATIC_URL without dots at the start of a name, escapes and parameters: it leads to no other place.
_OWN_PICTURE = re.compile(r"(?:[a-z0-9_-][a-z0-9_.-]*/)*[a-z0-9_-][a-z0-9_.-]*\.(?:avif|jpe?g|png|svg|webp)", re.ASCII)
_COLOUR = re.compile(r"(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)


def is_allowed_image_url(url: str, hosts: Container[str]) -> bool:
    """Return whether a page may load `url`: an own picture, or https, one of `hosts`, read alike by all browsers."""
    if len(url) > MAX_URL_LENGTH:
        return False
    return is_own_picture(url) or (_SANE.fullmatch(url) is not None and host_of(url) in hosts)


def own_picture_address(name: str) -> str:
    """Return the address of a static file of this site, as a record names it."""
    return f"{settings.SITE_URL}{settings.STATIC_URL}{name}"


def is_own_picture(url: str) -> bool:
    """Return whether `url` is a picture among this site's static files, which only its operators can add."""
    start = own_picture_address("")
    return url.startswith(start) and _OWN_PICTURE.fullmatch(url, len(start)) is not None


def picture_addresses(record):
    """Return the addresses of a record's images that some site could load, in order, each once."""
    urls = dict.fromkeys(image["url"] for image in record.get("image_sources", ()))
    return [url for url in urls if is_allowed_image_url(url, {host_of(url)})]


def loaded_pictures(urls: Iterable[str]) -> list[str]:
    """Return those of picture_addresses() that this site's pages load: its own, and allowed hosts, not drawn here."""
    hosts = set(settings.IMAGE_HOSTS) - DRAWN_HOSTS
    return [url for url in urls if host_of(url) in hosts or is_own_picture(url)]


def picture_rules() -> str:
    """Return all settings that decide which pictures a page loads, as one text."""
    return " ".join([*sorted(settings.IMAGE_HOSTS), own_picture_address("")])


def host_of(url: str) -> str:
    """Return the part of an address between // and the path, with its user and port if it has them."""
    start = url.find("//")
    return _HOST.match(url, start + 2)[0] if start >= 0 else ""


@dataclass(frozen=True)
class DrawnImage:
    """The image that an address of DRAWN_HOSTS asks for.

    Its words, and its colours as #rrggbb ("" if they can't be read).
    """

    words: str
    ground: str = ""
    ink: str = ""


def drawn_image(url):
    """Return the DrawnImage of an allowed address on one of DRAWN_HOSTS.

    Both hosts take /SIZE/GROUND/INK with colours of three or six hex digits, .png behind the last part or as a part of
    its own, and ?text=; dummyimage.com also takes &text= in the path. Colours count only as a pair that can be read.
    """
    parts = urlsplit(url)
    path, _, behind = parts.path.partition("&")
    words = " ".join(parse_qs(parts.query or behind, max_num_fields=20).get("text", [""])[0].split())[:120]
    steps = [step.partition(".")[0] for step in path.split("/")[2:4]]
    if len(steps) == 2 and all(map(_COLOUR.fullmatch, steps)):
        ground, ink = map(_six_digits, steps)
        if contrast(ground, ink) >= READABLE_CONTRAST:
            return DrawnImage(words, ground, ink)
    return DrawnImage(words)


def _six_digits(colour):
    return "#" + ("".join(digit * 2 for digit in colour) if len(colour) == 3 else colour).lower()


def contrast(one, other):
    """Return the contrast ratio of two colours #rrggbb, from 1 to 21.

    Source: WCAG 2.2, definitions of contrast ratio and relative luminance.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
