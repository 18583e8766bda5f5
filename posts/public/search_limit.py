"""How many searches one sender may ask for in a minute. Cached pages cost nothing and don't count."""

import time
from ipaddress import ip_address

from django.http import HttpRequest

from posts.operations.allowances import network_of, secret_digest
from posts.page_cache.shared_cache import cache_count
from posts.public.reports import address_of

# A person types a few; a program that reads the site should use the feeds, the sitemap or the list of the API.
SEARCHES_A_MINUTE = 60
MINUTE = 60
_clock = time.time


def seconds_to_wait(request: HttpRequest) -> int:
    """Count a search; return 0, or in how many seconds its sender may search again.

    It is counted in the cache that processes share, under a keyed digest that leads to nobody. Nobody is limited who
    has no address, or that of this machine: behind a proxy that the settings don't name, that would be every reader.
    """
    address = address_of(request)
    network = network_of(address)
    if not network or ip_address(address).is_loopback:
        return 0
    minute, second = divmod(int(_clock()), MINUTE)
    count = cache_count(f"searches:{secret_digest(f'{minute} {network}')}", 2 * MINUTE)
    return 0 if count is None or count <= SEARCHES_A_MINUTE else MINUTE - second
