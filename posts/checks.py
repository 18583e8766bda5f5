"""What the site itself finds in a text before a person decides about it."""

from dataclasses import dataclass

from django.conf import settings

from posts.images import is_allowed_image_url


@dataclass(frozen=True)
class Finding:
    """One finding. `stops`: an approval is refused while it stands; else it only advises."""

    check: str
    message: str
    stops: bool


def findings(record):
    """Every Finding in a record dict, in the order of the text."""
    found = []
    for number, image in enumerate(record.get("image_sources", ()), 1):
        if not is_allowed_image_url(image["url"], settings.IMAGE_HOSTS):
            found.append(
                Finding(
                    "image-host",
                    f"Image {number} is on a host that this site does not allow; readers get its caption and a link. "
                    "Replace it or take it out.",
                    stops=True,
                )
            )
        if not (image.get("alt") or image.get("caption")):
            found.append(Finding("image-words", f"Image {number} has neither alt text nor caption.", stops=False))
        if not image.get("source"):
            found.append(Finding("image-source", f"Image {number} does not say where it is from.", stops=False))
    return found


def stopping_findings(record):
    """The findings that refuse an approval."""
    return [finding for finding in findings(record) if finding.stops]
