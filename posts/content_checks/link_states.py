"""What checks of links found about the links of a text: no check of the text alone can know it."""

from collections.abc import Iterable, Mapping

from django.conf import settings

from posts.content_checks.registry import Finding
from posts.links.faults import MOVED
from posts.links.scan import checked_addresses, digest_of
from posts.models import LinkAddress
from posts.records.schema import RecordDict
from posts.rendering.web_addresses import addresses_elsewhere

State = LinkAddress.State
DEAD, ANCHOR, DOUBTFUL, CERTIFICATE = "link-dead", "link-anchor", "link-doubtful", "link-certificate"
SHOWN = 5
TOGETHER = 500
_SAYS: dict[str, tuple[str, str, str]] = {
    DEAD: ("A link is dead", "links are dead", "Replace or remove it."),
    MOVED: ("A link leads to a page with a new address", "links lead to pages with new addresses", "Write that one."),
    ANCHOR: (
        "A link names a place that its page does not have",
        "links name places that their pages do not have",
        "Name another place, or the page alone.",
    ),
    DOUBTFUL: (
        "A link may lead to a page that is gone",
        "links may lead to pages that are gone",
        "Open it, and replace it if so.",
    ),
    CERTIFICATE: (
        "A link leads to a host whose certificate is not valid",
        "links lead to hosts whose certificates are not valid",
        "Browsers warn readers of it. Link to another page.",
    ),
}
_KINDS: dict[str, str] = {
    State.MOVED: MOVED,
    State.ANCHOR: ANCHOR,
    State.DOUBTFUL: DOUBTFUL,
    State.CERTIFICATE: CERTIFICATE,
}


def stored_links(record: RecordDict) -> list[LinkAddress]:
    """Return what is known of the addresses of a text, in its order; nothing on a site that checks no links."""
    if not settings.LINK_CHECKS:
        return []
    digests = list(map(digest_of, checked_addresses(record)))
    found: dict[str, LinkAddress] = {}
    for at in range(0, len(digests), TOGETHER):
        found |= {link.digest: link for link in LinkAddress.objects.filter(digest__in=digests[at : at + TOGETHER])}
    return [found[digest] for digest in digests if digest in found]


def link_findings(record: RecordDict) -> list[Finding]:
    """Return a Finding for each kind of fault that checks found at the links of a text."""
    return findings_of(stored_links(record), addresses_elsewhere(record))


def findings_of(links: Iterable[LinkAddress], elsewhere: Mapping[str, str]) -> list[Finding]:
    """Return the same of links that were read. elsewhere: {address: JSON Pointer} of those in other fields."""
    by_kind: dict[str, list[LinkAddress]] = {}
    for link in links:
        if kind := DEAD if link.died_at else _KINDS.get(link.state, ""):
            by_kind.setdefault(kind, []).append(link)
    return [_finding(kind, by_kind[kind], elsewhere) for kind in _SAYS if kind in by_kind]


def _finding(kind: str, links: list[LinkAddress], elsewhere: Mapping[str, str]) -> Finding:
    one, several, to_do = _SAYS[kind]
    named = ", ".join(map(_named, links[:SHOWN]))
    more = f" and {len(links) - SHOWN:,} more" if len(links) > SHOWN else ""
    says = one if len(links) == 1 else f"{len(links):,} {several}"
    return Finding(
        kind,
        f"{says}: {named}{more}. {to_do}",
        stops=False,
        pointer=elsewhere.get(links[0].address, "/body"),
        count=len(links),
    )


def _named(link: LinkAddress) -> str:
    if link.new_address:
        return f"“{link.address[:120]}” (now “{link.new_address[:120]}”)"
    return f"“{link.address[:120]}” ({link.detail.rstrip('.')[:120]})" if link.detail else f"“{link.address[:120]}”"
