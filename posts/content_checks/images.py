"""Checks of images: their sources, their descriptions and their positions in the text."""

import re
from collections.abc import Iterable, Iterator

from django.conf import settings

from posts.content_checks.registry import Told, check, outside_input
from posts.content_checks.text import CheckedText, spot_of
from posts.rendering.images import host_of, is_allowed_image_url, picture_rules

ALLOWED_HOSTS = "allowed image hosts"
outside_input(ALLOWED_HOSTS, picture_rules)

_PLACEMENT = re.compile(r"image:([1-9][0-9]{0,2})")


def host_problem(url: str) -> tuple[str, str] | None:
    """Return (what is wrong with the address of an image, what to do); None if pages may load it."""
    if is_allowed_image_url(url, settings.IMAGE_HOSTS):
        return None
    host = host_of(url)[:200]
    if host not in settings.IMAGE_HOSTS:
        problem = f"is on the host {host or '(none)'}, which this site does not allow"
        return problem, f"Replace the image, or ask an administrator to add {host} to IMAGE_HOSTS."
    if not url.startswith("https://"):
        return "has an address that begins with http://", "Change the address to https://."
    return "has an address that browsers may read in different ways", "Percent-encode the address."


@check("image-host", "stops", inputs=["image_sources", ALLOWED_HOSTS])
def image_host(text: CheckedText) -> Iterator[Told]:
    for number, image in enumerate(text.images, 1):
        if wrong := host_problem(image["url"]):
            problem, to_do = wrong
            yield (
                f"Image {number} {problem}; readers get its caption and a link. {to_do}",
                f"/image_sources/{number - 1}/url",
            )


@check("dead-placement", "stops", inputs=["intro", "body", "image_sources", "checklist"])
def dead_placement(text: CheckedText) -> Iterator[Told]:
    """Yield placements where readers would see "(Image 7 does not exist)" or the word "[checklist]"."""
    placed, checklist_placed = set(), False
    for field, block in text.blocks:
        for style in dict.fromkeys(style for style in block.styles if style.is_image):
            match = _PLACEMENT.fullmatch(style.address)
            if match is None:
                continue
            number = int(match[1])
            spot = spot_of(field, block, f"(image:{number})")
            if number > len(text.images):
                yield (
                    f"The text places image {number}, but there are {len(text.images)}. Add the image, or remove its "
                    f"place.",
                    spot,
                )
            elif number in placed:
                yield (
                    f"Image {number} is placed twice; the second place shows no image. Remove one.",
                    spot,
                )
            placed.add(number)
        if block.placed == "checklist":
            spot = spot_of(field, block, "[checklist]")
            if not text.record.get("checklist"):
                yield "The text places a checklist, but there is none. Add items, or remove its place.", spot
            elif checklist_placed:
                yield "The checklist is placed twice; readers see the word [checklist]. Remove one place.", spot
            checklist_placed = True


def _missing(text: CheckedText, key: str, says: str) -> Iterator[Told]:
    numbers = [number for number, image in enumerate(text.images, 1) if not image.get(key)]
    if numbers:
        listed = ", ".join(map(str, numbers))
        names = f"Image {listed} has" if len(numbers) == 1 else f"Images {listed} have"
        yield f"{names} {says}", f"/image_sources/{numbers[0] - 1}", len(numbers)


@check("image-source", "advises", inputs=["image_sources"])
def image_source(text: CheckedText) -> Iterable[Told]:
    return _missing(text, "source", "no source. Add where each one comes from.")


@check("image-licence", "advises", inputs=["image_sources"])
def image_licence(text: CheckedText) -> Iterable[Told]:
    return _missing(text, "licence", "no licence. Add the licence of each one.")


@check("image-alt", "advises", inputs=["image_sources"])
def image_alt(text: CheckedText) -> Iterable[Told]:
    return _missing(
        text, "alt", "no alt text; people who can’t see the image hear the caption. Describe what each one shows."
    )


@check("image-caption", "advises", inputs=["image_sources"])
def image_caption(text: CheckedText) -> Iterable[Told]:
    return _missing(text, "caption", "no caption. Add what readers should see in each one.")
