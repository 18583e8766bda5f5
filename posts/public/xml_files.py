"""What the files for programs share: how they are answered, and what XML can hold."""

import re

from posts.db.change_log import LISTS
from posts.page_cache import cache_page

# All that no document of XML 1.0 may hold, escaped or not (its production Char); records may hold some of it.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_machine_file(response):
    """A file that programs read: nothing in it runs, caches keep it for minutes, other sites may show it. It names
    listed posts, and nothing in a query changes it."""
    response.page_kind = "machine"
    return cache_page(response, keys=[LISTS], vary_on=())


def xml_text(text):
    """`text` without the characters that would make a file of XML unreadable as a whole."""
    return _NOT_XML.sub("", text)
