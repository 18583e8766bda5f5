"""Which pictures a page may load, and which are drawn here instead."""

from urllib.parse import parse_qs, urlsplit

# These only put text on a flat colour: drawn here, they cost no request and tell nobody who reads.
DRAWN_HOSTS = frozenset({"dummyimage.com", "placehold.co"})
MAX_URL_LENGTH = 2000


def is_allowed_image_url(url, hosts):
    """Whether a page may load `url`: https, one of `hosts` exactly, and nothing that browsers read differently."""
    if len(url) > MAX_URL_LENGTH or not url.isascii() or "\\" in url:
        return False
    if any(character <= " " or character == "\x7f" for character in url):
        return False
    if not url.startswith("https://"):
        return False
    netloc = url[len("https://") :].split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    return netloc in hosts


def drawn_words(url):
    """The text that a DRAWN_HOSTS address asks for, or "" when it names none."""
    parts = urlsplit(url)
    # dummyimage.com takes its text after an ampersand of the path: …/fff.png&text=words
    query = parts.query or parts.path.partition("&")[2]
    return " ".join(parse_qs(query, max_num_fields=20).get("text", [""])[0].split())[:120]
