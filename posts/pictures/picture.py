"""What a stored picture is, without what reads one: most processes read none, and Pillow takes 2 MB."""

import hashlib
from dataclasses import dataclass

MAX_BYTES = 10 * 1024 * 1024
TOO_MANY_BYTES = f"The file has more than {MAX_BYTES >> 20} MB. Make the picture smaller."
KNOWN_FORMATS = "JPEG, PNG, WebP, GIF or AVIF"


class PictureRefused(Exception):
    """The file can't be used as a picture. The message says why and what to do."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is stored. suffix: of its file name."""

    body: bytes
    suffix: str
    width: int
    height: int
    frames: int

    @property
    def name(self) -> str:
        """The name of its file: the digest of its content, so that one picture is stored once and never changes."""
        digest = hashlib.sha256(self.body).hexdigest()
        return f"{digest[:2]}/{digest[2:]}.{self.suffix}"
