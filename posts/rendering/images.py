"""Which images a page may load, and which are drawn here instead."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from posts.records.schema import RecordDict

# These only put text on a flat colour: drawn here, they need no request and reveal no reader.
DRAWN_HOSTS = frozenset({"dummyimage.com", "placehold.co"})
MAX_URL_LENGTH = 2000
READABLE_CONTRAST = 4.5
# The width of a wide article, and most of a screen's height.
MAX_SHOWN = 896, 800
MAX_RATIO = 20
_HOST = re.compile("[^/?#]*")
# ASCII without spaces, control characters and backslashes.
_SANE = re.compile(r"https://[!-\[\]-~]*")
# The host of an address, which has no user. Its port is left out.
_ORIGIN = re.compile(r"https?://([^/?#@\\:]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?(?=/|\Z)", re.ASCII)
# A path below STATIC_URL without dots at the start of a name, escapes and parameters: it leads to no other place.
_OWN_PICTURE = re.compile(r"(?:[a-z0-9_-][a-z0-9_.-]*/)*[a-z0-9_-][a-z0-9_.-]*\.(?:avif|jpe?g|png|svg|webp)", re.ASCII)
# Where the site itself answers with an uploaded picture; its records name this address wherever the files are stored.
UPLOADS_PATH = "/media/"
UPLOADED_NAME = r"[0-9a-f]{2}/[0-9a-f]{62}\.(?:avif|gif|jpg|png|webp)"
_UPLOADED = re.compile(UPLOADED_NAME, re.ASCII)
_NAMED_UPLOAD = re.compile(f"{UPLOADS_PATH}({UPLOADED_NAME})", re.ASCII)
_COLOUR = re.compile(r"(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)


def is_allowed_image_url(url: str, hosts: Container[str]) -> bool:
    """Return whether a page may load `url`: an own picture, or https, one of `hosts`, read alike by all browsers."""
    if len(url) > MAX_URL_LENGTH:
        return False
    return own_picture(url) != "" or (_SANE.fullmatch(url) is not None and host_of(url) in hosts)


def own_picture_address(name: str) -> str:
    """Return the address of a static file of this site, as a record names it."""
    return f"{settings.SITE_URL}{settings.STATIC_URL}{name}"


def uploaded_picture_address(name: str) -> str:
    """Return the address of an uploaded picture, as a record names it."""
    return f"{settings.SITE_URL}{UPLOADS_PATH}{name}"


def uploaded_pictures(record: RecordDict) -> set[str]:
    """Return the names of the uploaded pictures that a record may mean, in its images or its texts."""
    texts = [*(image["url"] for image in record.get("image_sources", ())), record.get("intro"), record.get("body")]
    return {name for text in texts if text and UPLOADS_PATH in text for name in _NAMED_UPLOAD.findall(text)}


def own_picture(url: str) -> str:
    """Return what a page loads for a picture of this site: one that was uploaded, or a static file; "" for others.

    `url` may have another port or scheme than the site has now, because the site may have moved since a record was
    written. A page loads the path, so the picture comes from this site in any case; uploads come from MEDIA_URL.
    """
    match = _ORIGIN.match(url)
    if match is None or match[1] != _host_of_site(settings.SITE_URL):
        return ""
    path = url[match.end() :]
    if path.startswith(UPLOADS_PATH):
        name = path.removeprefix(UPLOADS_PATH)
        return f"{settings.MEDIA_URL}{name}" if _UPLOADED.fullmatch(name) else ""
    is_file = path.startswith(settings.STATIC_URL) and _OWN_PICTURE.fullmatch(path, len(settings.STATIC_URL))
    return path if is_file else ""


@lru_cache(maxsize=8)
def _host_of_site(address: str) -> str:
    site = _ORIGIN.match(address)
    return site[1] if site else ""


def picture_addresses(record: RecordDict) -> list[str]:
    """Return the addresses of a record's images that some site could load, in order, each once."""
    urls = dict.fromkeys(image["url"] for image in record.get("image_sources", ()))
    return [url for url in urls if is_allowed_image_url(url, {host_of(url)})]


def loaded_pictures(urls: Iterable[str]) -> list[str]:
    """Return the addresses of those of picture_addresses() that pages load: own ones, and allowed hosts, not drawn."""
    hosts = set(settings.IMAGE_HOSTS) - DRAWN_HOSTS
    found = []
    for url in urls:
        if path := own_picture(url):
            found.append(f"{settings.SITE_URL}{path}" if path.startswith("/") else path)
        elif host_of(url) in hosts:
            found.append(url)
    return found


def is_loaded_picture(url: str, hosts: Container[str]) -> bool:
    """Return whether a page loads the picture at `url`, and doesn't draw it."""
    return is_allowed_image_url(url, hosts) and host_of(url) not in DRAWN_HOSTS


def loaded_picture(url: str, hosts: Container[str]) -> str:
    """Return the absolute address from which a page loads the picture at `url`; "" if it doesn't, or draws it."""
    if not is_loaded_picture(url, hosts):
        return ""
    path = own_picture(url)
    return f"{settings.SITE_URL}{path}" if path.startswith("/") else path or url


def picture_rules() -> str:
    """Return all settings that decide which pictures a page loads, as one text."""
    site = _host_of_site(settings.SITE_URL)
    return " ".join([*sorted(settings.IMAGE_HOSTS), site, settings.STATIC_URL, settings.MEDIA_URL])


def host_of(url: str) -> str:
    """Return the part of an address between // and the path, with its user and port if it has them."""
    start = url.find("//")
    host = _HOST.match(url, start + 2) if start >= 0 else None
    return host[0] if host else ""


def shown_size(width: int | None, height: int | None) -> tuple[int, int]:
    """Return the largest size in CSS pixels at which an article shows a picture: the same shape, within MAX_SHOWN.

    (0, 0) if the size is not known, or the shape can't be one of a picture.
    """
    if not width or not height or not 1 / MAX_RATIO <= width / height <= MAX_RATIO:
        return 0, 0
    scale = min(1, MAX_SHOWN[0] / width, MAX_SHOWN[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class DrawnImage:
    """The image that an address of DRAWN_HOSTS asks for.

    Its words, and its colours as #rrggbb ("" if they can't be read).
    """

    words: str
    ground: str = ""
    ink: str = ""


def drawn_image(url: str) -> DrawnImage:
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


def _six_digits(colour: str) -> str:
    return "#" + ("".join(digit * 2 for digit in colour) if len(colour) == 3 else colour).lower()


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours #rrggbb, from 1 to 21.

    Source: WCAG 2.2, definitions of contrast ratio and relative luminance.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
