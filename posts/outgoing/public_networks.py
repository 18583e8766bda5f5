"""Which IP addresses belong to the public internet, for connections to addresses that somebody else wrote."""

import ipaddress
from collections.abc import Sequence

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Machines without IPv4 reach the IPv4 internet through this prefix, with the IPv4 address in the last bits. RFC 6052.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
ANYWHERE: tuple[IPNetwork, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# Machines of a cloud answer with their own credentials here, so no setting opens these.
_NEVER = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
    ipaddress.ip_network("100.100.100.200/32"),
    ipaddress.ip_network("168.63.129.16/32"),
)


def may_connect(address: str, allowed: Sequence[IPNetwork] = ()) -> bool:
    """Return whether the site may connect to an IP address: a public one, or one of the `allowed` networks.

    An IPv6 address that stands for an IPv4 address is judged as both. Link-local addresses and the metadata services
    of clouds are refused even if `allowed` contains them.
    """
    written = ipaddress.ip_address(address.partition("%")[0])
    ips = [written, *_carried(written)]
    if any(ip in network for ip in ips for network in _NEVER):
        return False
    return all(_is_public(ip) or any(ip in network for network in allowed) for ip in ips)


def _is_public(ip: IPAddress) -> bool:
    if ip in _TRANSLATED:
        return True  # The IPv4 address that it carries is judged beside it.
    # The first private networks of IPv6 (RFC 3879), which some still use and Python counts as global.
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or is_site_local)


def _carried(ip: IPAddress) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    carried = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _TRANSLATED:
        carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [ipv4 for ipv4 in carried if ipv4 is not None]
