"""What a CDN calls the things that a page shows, so that it can forget all pages that show one."""

import re
from collections.abc import Iterable

from posts.page_cache.policy import ANYTHING, CachePolicy

# What every page has; and pages that do not say what they show: any change ends them.
SITE_TAG, ANYTHING_TAG = "site", "anything"
_SAFE = re.compile(r"[A-Za-z0-9:._-]{1,200}", re.ASCII)


def tags_of(keys: Iterable[str]) -> set[str]:
    """Return the tags of keys of the change log (posts.db.change_log). A key that is no tag means any page."""
    return {ANYTHING_TAG if key == ANYTHING else key if _SAFE.fullmatch(key) else SITE_TAG for key in keys}


def tag_headers(policy: CachePolicy) -> dict[str, str]:
    """Return the headers that name what a page shows, as the two families of CDNs read them."""
    tags = [SITE_TAG, *sorted(tags_of(policy.keys))]
    return {"Surrogate-Key": " ".join(tags), "Cache-Tag": ",".join(tags)}
