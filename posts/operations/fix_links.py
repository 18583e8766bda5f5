"""One press that mends a kind of fault in the links of a post, by a revision of the person who presses."""

from django.contrib.auth.models import User

from posts.content_checks.link_states import stored_links
from posts.errors import HeadMoved, Refused, require_person
from posts.links.faults import MOVED, PLAIN, RELATIVE, SECRET, SHORTENED, TRACKING, faults_of, host_of_link
from posts.models import LinkAddress, Post, Revision
from posts.operations.edit_parts import AddressEdit, edit_parts
from posts.outgoing import Limits, OutgoingError, fetch
from posts.rendering.web_addresses import TEXTS, addresses_elsewhere, links_of_text

# A person waits for the answer.
_LOOK = Limits(seconds=5, body_bytes=1000, redirects=5)
# More in one text are mended by hand.
MOST_LOOKED_UP = 5
_SAYS: dict[str, str] = {
    RELATIVE: "Relative links removed.",
    PLAIN: "Links changed to https://.",
    SHORTENED: "Shortened links replaced by the addresses that they lead to.",
    SECRET: "Passwords and keys removed from links.",
    TRACKING: "Tracking parameters removed from links.",
    MOVED: "Moved links replaced by their new addresses.",
}


def fix_links(post: Post, kind: str, *, fingerprint: str, by: User) -> Revision:
    """Mend every fault of one kind (a key of FIXES) in the links of the proposed text; return the new revision.

    fingerprint: of the text that the person saw; raises HeadMoved if another one is proposed. Shortened links are
    asked where they lead, through the guarded fetcher, before anything is locked. Raises Refused if nothing is left
    to mend, or an address can't be replaced without changing anything else.
    """
    require_person(by, "change_post")
    if kind not in _SAYS:
        raise Refused("Choose a fault from the list.")
    if post.head_revision.fingerprint != fingerprint:
        raise HeadMoved(post)
    new = _moved(post) if kind == MOVED else _mended(post, kind)
    if not new:
        raise Refused("No link of the text has this fault any more.")
    return edit_parts(post, AddressEdit(new, _SAYS[kind]), fingerprint=fingerprint, by=by)


def _moved(post: Post) -> dict[str, str]:
    links = stored_links(post.head_revision.snapshot)
    return {link.address: link.new_address for link in links if link.state == LinkAddress.State.MOVED}


def _mended(post: Post, kind: str) -> dict[str, str]:
    record = post.head_revision.snapshot
    links = [address for name in TEXTS for address in links_of_text(record.get(name) or "")]
    links += addresses_elsewhere(record)
    new: dict[str, str] = {}
    for address in dict.fromkeys(links):
        for fault in faults_of(address):
            if fault.kind == kind and fault.fixed is not None:
                new[address] = fault.fixed
            elif fault.kind == kind == SHORTENED:
                new[address] = _looked_up(address)
        if kind == SHORTENED and len(new) == MOST_LOOKED_UP:
            break
    return new


def _looked_up(address: str) -> str:
    """Return where a shortened link leads."""
    try:
        found = fetch(address, method="HEAD", limits=_LOOK).address
    except OutgoingError as error:
        raise Refused(f"“{address}” can't be followed. {error}") from error
    if host_of_link(found) == host_of_link(address):
        raise Refused(f"“{address}” redirects to no page. Remove the link, or write another address.")
    return found
