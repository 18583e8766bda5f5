"""The pictures of a finished page from this site's own copies: then a reader asks no other host for anything."""

import html as html_entities
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.html import escape

from posts.records.schema import RecordDict
from posts.rendering.images import own_picture, shown_size, uploaded_picture_address

# The frame of a picture that a page would load from another host, as figures.py writes it.
_FRAME = re.compile(
    r'<a class="figure__frame" href="(https://[^"]*)" rel="nofollow ugc noopener">((?:(?!<img ).)*)'
    r'<img src="https://[^"]*"( alt="[^"]*")( width="[0-9]+" height="[0-9]+")?([^>]*)>(.*?)</a>',
    re.DOTALL,
)
# The widest place of an article, or the whole of a narrow screen.
_SIZES = "(min-width: 60rem) 896px, 100vw"


@dataclass(frozen=True)
class Copy:
    """A file that this site has of a picture: its name, and its size in pixels."""

    name: str
    width: int
    height: int

    @property
    def address(self) -> str:
        """The address from which a page loads it."""
        return f"{settings.MEDIA_URL}{self.name}"


# {address of a picture at its source: its copies, the smallest first}.
Copies = Mapping[str, Sequence[Copy]]


def with_copies(html: str, copies: Copies) -> str:
    """Return the HTML of an article that loads pictures from this site alone.

    A picture of another host without a copy is drawn as a placeholder. Its caption keeps the way to its source.
    """
    return _FRAME.sub(_from_copy(copies), html)


def _from_copy(copies: Copies) -> Callable[[re.Match[str]], str]:
    def replaced(found: re.Match[str]) -> str:
        url, before, alt, size, loading, after = found.groups("")
        if own_picture(html_entities.unescape(url)):
            # At the MEDIA_URL of this site, on a host of its own.
            return found[0]
        files = copies.get(html_entities.unescape(url))
        if not files:
            return f'<div class="figure__frame">{before}</div>'
        largest = files[-1]
        width, height = shown_size(largest.width, largest.height)
        size = size or (f' width="{width}" height="{height}"' if width else "")
        srcset = ", ".join(f"{escape(copy.address)} {copy.width}w" for copy in files)
        several = f' srcset="{srcset}" sizes="{_SIZES}"' if len(files) > 1 else ""
        address = escape(largest.address)
        return (
            f'<a class="figure__frame" href="{address}" rel="nofollow ugc noopener">{before}'
            f'<img src="{address}"{several}{alt}{size}{loading}>{after}</a>'
        )

    return replaced


def record_with_copies(record: RecordDict, copies: Copies) -> RecordDict:
    """Return a record that names the copies of its pictures, and none of another host without a copy."""
    images = []
    for image in record.get("image_sources", ()):
        if own_picture(image["url"]):
            images.append(image)
        elif files := copies.get(image["url"]):
            largest = files[-1]
            size = {"width": largest.width, "height": largest.height}
            images.append(image | {"url": uploaded_picture_address(largest.name)} | size)
    return record | {"image_sources": images} if "image_sources" in record else record
