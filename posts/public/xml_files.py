"""What the XML files for programs share: their headers, and the characters that XML allows."""

import re
from collections.abc import Iterable
from typing import TypeVar

from django.http.response import HttpResponseBase

from posts.page_cache import cache_page

# What XML 1.0 can't hold, escaped or not (see its production Char); records may contain some of it.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Answer = TypeVar("Answer", bound=HttpResponseBase)


def as_machine_file(response: Answer, *, keys: Iterable[str]) -> Answer:
    """Mark `response` as a file for programs.

    Nothing in it runs, and caches may store it. No query changes it. keys: of what it shows.
    """
    response.page_kind = "machine"  # type: ignore[attr-defined]  # a response takes any attribute
    return cache_page(response, keys=keys, vary_on=())


def xml_text(text: str) -> str:
    """Return `text` without the characters that would make a whole XML file invalid."""
    return _NOT_XML.sub("", text)
