"""Checks of the addresses of links, by their text alone. Whether they answer is found out elsewhere (posts/links)."""

from collections.abc import Iterable

from posts.content_checks.registry import WHOLE_RECORD, Told, check
from posts.content_checks.text import CheckedText, Spot, spot_of
from posts.links.faults import PLAIN, RELATIVE, SECRET, SHORTENED, TRACKING, faults_of

SHOWN = 3


def _told(text: CheckedText, kind: str, one: str, several: str, to_do: str) -> Iterable[Told]:
    """Yield one finding about all links of the text with a fault."""
    found: dict[str, str] = {}
    for field, block in text.blocks:
        for style in block.styles:
            address = style.address
            if address and address not in found and any(fault.kind == kind for fault in faults_of(address)):
                found[address] = spot_of(field, block, address)
    # The other fields name whole addresses alone.
    for address, pointer in text.addresses_elsewhere.items() if kind != RELATIVE else ():
        if address not in found and any(fault.kind == kind for fault in faults_of(address)):
            found[address] = Spot(pointer)
    if found:
        named = ", ".join(f"“{address[:80]}”" for address in list(found)[:SHOWN])
        more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
        says = one if len(found) == 1 else f"{len(found):,} {several}"
        yield f"{says}: {named}{more}. {to_do}", next(iter(found.values())), len(found)


@check(RELATIVE, "advises", version=2, inputs=["intro", "body"])
def link_relative(text: CheckedText) -> Iterable[Told]:
    return _told(
        text,
        RELATIVE,
        "A link has an address that means something only at its source",
        "links have addresses that mean something only at their source",
        "Write the whole address, or remove the link.",
    )


@check(PLAIN, "advises", version=3, inputs=[WHOLE_RECORD])
def link_http(text: CheckedText) -> Iterable[Told]:
    return _told(
        text,
        PLAIN,
        "A link does not begin with https://, so others can read and change what the reader gets",
        "links do not begin with https://, so others can read and change what the reader gets",
        "Change the address to https://.",
    )


@check(SHORTENED, "advises", version=2, inputs=[WHOLE_RECORD])
def link_shortened(text: CheckedText) -> Iterable[Told]:
    return _told(
        text,
        SHORTENED,
        "A shortened link hides where it leads, and can lead elsewhere later",
        "shortened links hide where they lead, and can lead elsewhere later",
        "Write the address that it leads to.",
    )


@check(SECRET, "advises", version=2, inputs=[WHOLE_RECORD])
def link_secret(text: CheckedText) -> Iterable[Told]:
    return _told(
        text,
        SECRET,
        "The address of a link contains a password or a key",
        "links contain a password or a key in their addresses",
        "Remove it from the text, and have its owner change it.",
    )


@check(TRACKING, "advises", version=2, inputs=[WHOLE_RECORD])
def link_tracking(text: CheckedText) -> Iterable[Told]:
    return _told(
        text,
        TRACKING,
        "The address of a link says where the reader came from",
        "links say in their addresses where the reader came from",
        "Remove these parameters.",
    )
