"""Reads the picture that somebody uploaded and writes it again: what is stored has pixels and nothing else.

A file can be a valid picture and a web page, an archive or a program at once; it can name its place and its camera; it
can be small and fill the memory once it is unpacked. So the header is checked before anything is unpacked, and no byte
of the file itself is stored.
"""

import io
import re
import threading
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError

from posts.pictures.picture import KNOWN_FORMATS, MAX_BYTES, TOO_MANY_BYTES, Picture, PictureRefused

# Of all frames together. While it is written again, a picture of so many can need about 700 MB of memory: up to 4 bytes
# a pixel, 16 bits and transparency most, in several copies.
MAX_PIXELS = 50_000_000
MAX_FRAMES = 200
# Twice the widest place of an article, and some more.
LONGEST_SIDE = 2400
# Half and the whole of a narrow screen, and the widest place of an article on a screen of fine dots.
VARIANT_WIDTHS = (480, 960, 1600)
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}
# What Pillow calls a JPEG with more pictures after it, as phones make: the first alone counts.
_FIRST_FRAME_OF = {"MPO": "JPEG"}
# By format: how it is written. The others have no choices that matter here.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85, "optimize": True, "progressive": True},
    "PNG": {"optimize": True},
    "WEBP": {"quality": 85},
    "AVIF": {"quality": 70, "speed": 8},
}
# Pillow warns at this number and fails at twice as many; a warning is enough here.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)
# One at a time in each process: the memory of several would add up.
_turn = threading.Lock()
# Each of those that wait keeps a thread from answering readers.
_TURN_SECONDS = 3
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_HEAD_BYTES = 4096
# Of what a file is too. Compressed pixels contain none of them by chance.
_ALSO = {
    "a web page": re.compile(rb"<(?:html|script|iframe|!doctype)[\s>]", re.IGNORECASE),
    "a program": re.compile(rb"<\?php|^#!/", re.IGNORECASE),
    "a PDF document": re.compile(rb"%PDF-\d"),
}


def reencode(body: bytes) -> Picture:
    """Return the Picture of an uploaded file. Its content decides its format, not its name.

    Raises PictureRefused.
    """
    if not body:
        raise PictureRefused("The file is empty. Choose another one.")
    if len(body) > MAX_BYTES:
        raise PictureRefused(TOO_MANY_BYTES)
    _refuse_other_files(body)
    if not _turn.acquire(timeout=_TURN_SECONDS):
        raise PictureRefused("The site is busy with other pictures. Try again.")
    try:
        with _explained():
            return _written_again(_opened(body))
    finally:
        _turn.release()


def smaller_sizes(picture: Picture) -> list[Picture]:
    """Return a stored picture in smaller widths (VARIANT_WIDTHS), the smallest first; none of a moving one."""
    found: list[Picture] = []
    if picture.frames > 1:
        return found
    with _turn, _explained():
        image = _opened(picture.body)
        kind = image.format or ""
        for width in VARIANT_WIDTHS:
            # Nearly as large saves nothing.
            if width > picture.width * 0.8:
                break
            height = max(1, round(picture.height * width / picture.width))
            written = io.BytesIO()
            image.resize((width, height), Image.Resampling.LANCZOS).save(written, kind, **_OPTIONS.get(kind, {}))
            found.append(Picture(written.getvalue(), picture.suffix, width, height, 1))
    return found


@dataclass(frozen=True)
class Facts:
    """What the header of a picture says."""

    format: str
    width: int
    height: int


def facts_of(body: bytes) -> Facts | None:
    """Return what the header of a picture says, also of the beginning of one; None if it is not one of ours."""
    try:
        with Image.open(io.BytesIO(body), formats=list(SUFFIXES)) as image:
            kind = image.format or ""
            return Facts(_FIRST_FRAME_OF.get(kind, kind), *image.size)
    except Exception:
        # Each decoder has errors of its own: that of AVIF raises RuntimeError, that of PNG SyntaxError.
        return None


def _refuse_other_files(body: bytes) -> None:
    head = body[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf\x00 \t\r\n")
    if head.startswith(b"<") and _SVG.search(body[:_HEAD_BYTES]):
        raise PictureRefused(
            f"SVG pictures can contain programs, so the site does not accept them. Export it as {KNOWN_FORMATS}."
        )
    also = [what for what, pattern in _ALSO.items() if pattern.search(body)]
    if zipfile.is_zipfile(io.BytesIO(body)):
        also.append("an archive")
    if also:
        raise PictureRefused(
            f"The file is {also[0]}, alone or beside a picture. Open the picture in a program and export it again."
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the errors of Pillow into refusals: a hostile file may cause any of them."""
    try:
        yield
    except PictureRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRefused(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise PictureRefused(f"The file is not a {KNOWN_FORMATS} picture. Choose another one.") from error
    except Exception as error:
        raise PictureRefused("The picture is damaged. Export it again, or choose another one.") from error


_GROWN = f"The site writes pictures again, and this one then has more than {MAX_BYTES >> 20} MB. Make it smaller."
_TOO_LARGE = f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels. Make it smaller."


def _opened(body: bytes) -> ImageFile.ImageFile:
    """Return the picture, with its header read and its limits checked; no pixel is unpacked yet."""
    image = Image.open(io.BytesIO(body), formats=list(SUFFIXES))
    # What a phone adds to a photo is not for readers: a preview, the measured depth, the same in more light.
    frames = 1 if image.format in _FIRST_FRAME_OF else getattr(image, "n_frames", 1)
    if frames > MAX_FRAMES:
        raise PictureRefused(f"The picture has {frames:,} frames; {MAX_FRAMES} are the most. Shorten it.")
    if image.width * image.height * frames > MAX_PIXELS:
        raise PictureRefused(_TOO_LARGE)
    return image


def _written_again(image: ImageFile.ImageFile) -> Picture:
    kind = image.format or ""
    is_first_alone = kind in _FIRST_FRAME_OF
    kind = _FIRST_FRAME_OF.get(kind, kind)
    # One after the other: the next frame takes the place of this one.
    shown = [image] if is_first_alone else _frames(image)
    frames = [(_clean(frame), frame.info.get("duration", 100)) for frame in shown]
    pictures = [frame for frame, _ in frames]
    options = dict(_OPTIONS.get(kind, {}))
    if len(pictures) > 1:
        options |= {"save_all": True, "append_images": pictures[1:], "duration": [int(each) for _, each in frames]}
        # How often it is repeated; 0 is for ever.
        options["loop"] = int(image.info.get("loop", 0))
        options |= {"disposal": 2} if kind == "GIF" else {}
    first = pictures[0].convert("RGB") if kind == "JPEG" and pictures[0].mode != "L" else pictures[0]
    written = io.BytesIO()
    first.save(written, kind, **options)
    if written.tell() > MAX_BYTES:
        raise PictureRefused(_GROWN)
    return Picture(written.getvalue(), SUFFIXES[kind], *first.size, len(pictures))


def _frames(image: ImageFile.ImageFile) -> Iterator[Image.Image]:
    """Yield the frames, none of them unpacked. A frame of a GIF can be larger than the header of the file says."""
    size = image.size
    for frame in ImageSequence.Iterator(image):
        if frame.size != size:
            raise PictureRefused("The frames of the picture have different sizes. Export it again with one size.")
        yield frame


def _clean(frame: Image.Image) -> Image.Image:
    """Return the pixels of a frame as people see them: upright, in the usual colours, not larger than needed."""
    profile = frame.info.get("icc_profile")
    is_animated = getattr(frame, "n_frames", 1) > 1 and frame.format not in _FIRST_FRAME_OF
    image = ImageOps.exif_transpose(frame)
    if image.mode.startswith("I"):
        # 16 bits each become 8.
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _in_usual_colours(image, profile)
    if image.mode != "L" or has_alpha:
        image = image.convert("RGBA" if has_alpha else "RGB")
    if not is_animated:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    # Pillow would write comments and profiles from here.
    image.info = {}
    return image


def _in_usual_colours(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the picture in sRGB; as it is if its colour profile can't be read."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        usual = ImageCms.createProfile("sRGB")
        changed = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), usual, outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return changed or image
