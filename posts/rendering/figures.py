"""Figures and the checklist as HTML. They are added between the sanitized parts, so that no body can forge one."""

from collections.abc import Container, Iterable, Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from posts.records.schema import RecordDict
from posts.rendering.images import (
    DRAWN_HOSTS,
    DrawnImage,
    drawn_image,
    host_of,
    is_allowed_image_url,
    own_picture,
    shown_size,
)
from posts.rendering.placeholders import placeholder_svg, tint_of


def rows(parts: Iterable[str]) -> Iterator[tuple[str]]:
    return ((part,) for part in parts)


def checklist_html(items: Iterable[str]) -> SafeString:
    """Return the checklist as rows with empty boxes; readers have not done any of it."""
    return format_html('<ul class="checklist">{}</ul>', format_html_join("", '<li dir="auto">{}</li>', rows(items)))


def figure_html(image: RecordDict, number: int, hosts: Container[str], *, is_first: bool = False) -> SafeString:
    """Return a figure: the picture in its own shape, its caption and its credit.

    image: an image of a record. number: its position among them, from 1. hosts: allowed image hosts. is_first: whether
    it is the first picture of its article.
    """
    url, caption = image["url"], image.get("caption", "")
    is_allowed = is_allowed_image_url(url, hosts)
    drawn = drawn_image(url) if is_allowed and host_of(url) in DRAWN_HOSTS else None
    alt = _alt(image, number)
    if drawn:
        frame = _drawn_frame(drawn, caption, alt)
    elif is_allowed:
        frame = _picture_frame(image, number, alt, is_first=is_first)
    else:
        # Nothing is drawn for an unknown host: only caption and link are shown.
        frame = format_html('<span class="hidden-text">{}</span>', alt) if alt else SafeString()
    return format_html(
        '<figure class="figure tint-{}{}" id="image-{}">{}<figcaption dir="auto"><b class="figure__number">{}</b> '
        "<span>{}{}</span></figcaption></figure>",
        tint_of(caption or url),
        "" if is_allowed else " figure--elsewhere",
        number,
        frame,
        number,
        f"{caption.rstrip('.')}. " if caption else "",
        _credit(image, is_allowed),
    )


def picture_of_list(record: RecordDict, words: str) -> SafeString:
    """Return the picture of a post in a list: its first image if that is an own picture, else a drawing for `words`.

    Other hosts and their pictures are for the page of the post alone.
    """
    image: RecordDict = next(iter(record.get("image_sources", ())), {})
    address = own_picture(image.get("url", ""))
    if not address:
        return format_html('<div class="placeholder-frame tint-{}">{}</div>', tint_of(words), placeholder_svg(words))
    width, height = shown_size(image.get("width"), image.get("height"))
    return format_html(
        '<div class="list-picture"><img src="{}" alt="{}"{} {} decoding="async"></div>',
        address,
        image.get("alt") or image.get("caption", ""),
        format_html(' width="{}" height="{}"', width, height) if width else "",
        _BEFORE_OTHERS,
    )


def figures_html(figures: Iterable[SafeString]) -> SafeString:
    return format_html('<div class="figures">{}</div>', format_html_join("", "{}", rows(figures)))


def _alt(image: RecordDict, number: int) -> str:
    """Return what a picture shows, in words that are not its caption; "" if the caption is all that is known."""
    alt, caption = image.get("alt", ""), image.get("caption", "")
    if caption and _same_words(alt, caption):
        return ""
    return alt or ("" if caption else f"Image {number}")


def _same_words(one: str, other: str) -> bool:
    return one.rstrip(" .").casefold() == other.rstrip(" .").casefold()


# How browsers load a picture.
_BEFORE_OTHERS, _WHEN_NEAR = mark_safe('loading="eager" fetchpriority="high"'), mark_safe('loading="lazy"')


def _picture_frame(image: RecordDict, number: int, alt: str, *, is_first: bool) -> SafeString:
    """Return a picture that is a link to its file, with what the script of the page shows until it has loaded.

    Where the record says its size, its space is reserved.
    """
    address = own_picture(image["url"]) or image["url"]
    width, height = shown_size(image.get("width"), image.get("height"))
    return format_html(
        '<a class="figure__frame" href="{}" rel="nofollow ugc noopener">{}{}<img src="{}" alt="{}"{} {} '
        'decoding="async" referrerpolicy="no-referrer"><span class="hidden-text">Show image {} in full</span></a>',
        address,
        placeholder_svg(image.get("caption") or image["url"], *((width, height) if width else ())),
        format_html('<span class="figure__notch" aria-hidden="true">{}</span>', alt) if alt else "",
        address,
        alt,
        format_html(' width="{}" height="{}"', width, height) if width else "",
        _BEFORE_OTHERS if is_first else _WHEN_NEAR,
        number,
    )


def _drawn_frame(drawn: DrawnImage, caption: str, alt: str) -> SafeString:
    """Return the frame of an image that only shows words, drawn here in the colours of its address.

    If the words only begin its caption, which stands below, the placeholder of the caption is drawn instead.
    """
    if caption.casefold().startswith(drawn.words.casefold()):
        words = alt
        drawing = placeholder_svg(caption or alt)
    else:
        words = alt or drawn.words
        drawing = format_html(
            '<svg class="drawn{}"{} viewBox="0 0 1200 630" aria-hidden="true" focusable="false">'
            '<rect width="1200" height="630"/><foreignObject x="60" y="60" width="900" height="520">'
            '<div class="drawn__words" dir="auto"><span>{}</span></div></foreignObject></svg>',
            "" if drawn.ground else " drawn--plain",
            format_html(' fill="{}" color="{}"', drawn.ground, drawn.ink) if drawn.ground else "",
            drawn.words or alt,
        )
    hidden = format_html('<span class="hidden-text">{}</span>', words) if words else ""
    return format_html('<div class="figure__frame">{}{}</div>', hidden, drawing)


def _credit(image: RecordDict, is_allowed: bool) -> SafeString:
    source = image.get("source") or "not stated"
    licence = image.get("licence")
    return format_html(
        'Image source: <a href="{}" rel="nofollow ugc noopener">{}</a>{}{}',
        own_picture(image["url"]) or image["url"],
        source,
        f", {licence}" if licence else "",
        "" if is_allowed else ". The image is not shown: this site does not load images from that host",
    )
