"""What a page tells programs: JSON-LD in the terms of schema.org, and the values of Open Graph.

Everything is computed from record and decisions. A person's review is claimed exactly where the page is indexable:
for a text that a person approved individually and that has no obstacle.
Sources: schema.org; Google Search Central, "Article", "Breadcrumb", "Site names" and "Image metadata".
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.encoding import iri_to_uri
from django.utils.safestring import SafeString

from posts.listing.excerpts import excerpt_of
from posts.listing.publication_date import publication_moment
from posts.models import Post, Revision
from posts.public.disclosure import Disclosure
from posts.public.languages import language_tag, locale_of
from posts.records.schema import RecordDict
from posts.rendering.dates import in_site_zone
from posts.rendering.images import loaded_picture
from posts.rendering.placeholders import HEIGHT, WIDTH
from posts.reverse import address

# A node of JSON-LD.
Node = dict[str, Any]
MAX_DESCRIPTION = 300
MAX_PICTURES = 10
MAX_KEYWORDS = 30
MAX_AUTHORS = 30
LOGO_SIZE = 512
LANGUAGE = "en"
# schema.org knows two levels; a level between them is not stated.
_LEVELS = {"beginner": "Beginner", "expert": "Expert", "advanced": "Expert"}
# Formats that no network shows.
_NOT_SHARED = re.compile(r"\.(?:svg|avif)(?:[?#]|$)", re.IGNORECASE)
_CC = re.compile(r"CC[ -](BY(?:-NC)?(?:-SA|-ND)?)[ -](\d\.\d)", re.IGNORECASE)
_CC_ZERO = re.compile(r"CC[ -]?0(?:[ -]1\.0)?", re.IGNORECASE)
# In a script element "</script" ends it and "<!--" changes how it is parsed; the two separators end a script line.
_ESCAPES = [(sign, f"\\u{ord(sign):04x}") for sign in "<>&\u2028\u2029"]

# A page's data never repeats itself inside itself, so the encoder need not look for that.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True)
class SharedPicture:
    """The picture that other sites show with a link.

    width, height: in pixels, 0 if they are not known. content_type: "" if it is not known.
    """

    url: str
    alt: str
    width: int = 0
    height: int = 0
    content_type: str = ""


@dataclass(frozen=True)
class PageHead:
    """The head of an article's page.

    url: absolute. json_ld: a script element with data that is never run, or "" on a preview. locale: of Open Graph.
    """

    title: str
    description: str
    url: str
    picture: SharedPicture
    published_at: datetime | None
    changed_at: datetime | None
    tags: list[str]
    json_ld: str
    locale: str


def article_head(
    post: Post,
    revision: Revision,
    record: RecordDict,
    *,
    disclosure: Disclosure,
    address_of: Callable[[str, str], str],
    is_indexable: bool,
    is_preview: bool = False,
) -> PageHead:
    """Return the PageHead of `revision` (shown as `record`) at the address of `post`.

    address_of: returns the path of the list of (field of the record, name), "" if it has none.
    """
    is_live = revision.pk == post.live_revision_id
    description, keywords, images = description_of(record), keywords_of(record), _shown_images(record)
    json_ld = ""
    if not is_preview:
        data = structured_data(
            post,
            revision,
            record,
            description=description,
            keywords=keywords,
            images=images,
            disclosure=disclosure,
            address_of=address_of,
            is_indexable=is_indexable,
        )
        json_ld = json_ld_script(data)
    return PageHead(
        title=record["title"],
        description=description,
        url=settings.SITE_URL + post.get_absolute_url(),
        picture=_shared_picture(post, record, images),
        published_at=publication_moment(record, post.released_at) if is_live else None,
        changed_at=post.last_published_at if is_live else None,
        tags=keywords,
        json_ld=json_ld,
        locale=locale_of(language_of(record) or LANGUAGE),
    )


def language_of(record: RecordDict) -> str:
    """Return the language tag (BCP 47) of a record; "" if it states none or something else."""
    return language_tag(record.get("language", ""))


def _shown_images(record: RecordDict) -> list[dict[str, Any]]:
    """Return the images of a record that its page loads, each address once."""
    images: dict[str, dict[str, Any]] = {}
    hosts = settings.IMAGE_HOSTS
    for image in record.get("image_sources", ()):
        if len(images) < MAX_PICTURES and (url := loaded_picture(image["url"], hosts)):
            images.setdefault(url, image | {"url": url})
    return list(images.values())


def _shared_picture(post: Post, record: RecordDict, images: list[dict[str, Any]]) -> SharedPicture:
    for image in images:
        if not _NOT_SHARED.search(image["url"]):
            alt = image.get("alt") or image.get("caption") or record["title"]
            is_sized = "width" in image and "height" in image
            return SharedPicture(image["url"], alt, *((image["width"], image["height"]) if is_sized else ()))
    return _drawn(card_address(post))


def site_picture() -> SharedPicture:
    """Return the picture of pages that are not articles."""
    return _drawn(settings.SITE_URL + address("posts:site-card"))


def _drawn(url: str) -> SharedPicture:
    return SharedPicture(url, "A drawing of bars and lines", WIDTH, HEIGHT, "image/png")


def card_address(post: Post) -> str:
    """Return the absolute address of an article's placeholder image."""
    return settings.SITE_URL + address("posts:card", post.slug)


# Nodes


def organization() -> Node:
    """Return the node of the organization that publishes the site, in full."""
    return _filled(
        {
            **_organization_in_short(),
            "logo": _image(
                settings.SITE_URL + address("posts:logo"),
                width=LOGO_SIZE,
                height=LOGO_SIZE,
                creditText=settings.SITE_NAME,
            ),
            "email": settings.SITE_CONTACT,
        }
    )


def _organization_in_short() -> Node:
    home = f"{settings.SITE_URL}/"
    return {"@type": "Organization", "@id": f"{home}#organization", "name": settings.SITE_NAME, "url": home}


def _website() -> Node:
    home = f"{settings.SITE_URL}/"
    return {"@type": "WebSite", "@id": f"{home}#website", "name": settings.SITE_NAME, "url": home}


def _image(url: str, *, width: int = 0, height: int = 0, **more: str) -> Node:
    sizes = {
        name: {"@type": "QuantitativeValue", "value": pixels, "unitCode": "E37"}  # UN/CEFACT: pixels
        for name, pixels in (("width", width), ("height", height))
        if pixels
    }
    url = iri_to_uri(url)
    return _filled({"@type": "ImageObject", "url": url, "contentUrl": url, **sizes, **more})


def _images_of(post: Post, images: list[dict[str, Any]]) -> list[Node]:
    """Return the nodes of an article's pictures, with credit and licence; its placeholder image if it has none."""
    if images:
        return [_image_of_record(image) for image in images]
    return [_image(card_address(post), width=WIDTH, height=HEIGHT, creditText=settings.SITE_NAME)]


def _image_of_record(image: dict[str, Any]) -> Node:
    source, licence = image.get("source", ""), image.get("licence", "")
    return _image(
        image["url"],
        width=image.get("width", 0),
        height=image.get("height", 0),
        caption=image.get("caption", ""),
        creditText=", ".join(filter(None, [source, licence])),
        license=licence_address(licence),
    )


def licence_address(licence: str) -> str:
    """Return the address of a licence that a record names: itself, or that of Creative Commons; else ""."""
    if licence.startswith(("https://", "http://")) and licence.isprintable() and " " not in licence:
        return licence
    if found := _CC.search(licence):
        return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
    return "https://creativecommons.org/publicdomain/zero/1.0/" if _CC_ZERO.search(licence) else ""


def _breadcrumb(url: str, steps: Iterable[tuple[str, str]]) -> Node:
    """Return the way from the home page. steps: names and paths of the pages behind it, the last one at `url`."""
    places = [("Home", "/"), *steps]
    return {
        "@type": "BreadcrumbList",
        "@id": f"{url}#breadcrumb",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": settings.SITE_URL + path}
            for place, (name, path) in enumerate(places, start=1)
        ],
    }


def _document(*nodes: Node) -> Node:
    return {"@context": "https://schema.org", "@graph": list(nodes)}


def home_data() -> SafeString:
    """Return what the home page says: the site and who publishes it."""
    website = _website() | {"inLanguage": LANGUAGE, "publisher": {"@id": _organization_in_short()["@id"]}}
    return json_ld_script(_document(website, organization()))


def page_data(name: str, path: str, *, kind: str = "CollectionPage", way: Iterable[tuple[str, str]] = ()) -> SafeString:
    """Return what a page says that is neither an article nor the home page.

    kind: its type in schema.org. way: names and paths of the pages between the home page and it.
    """
    url = settings.SITE_URL + path
    page = {
        "@type": kind,
        "@id": url,
        "url": url,
        "name": name,
        "inLanguage": LANGUAGE,
        "isPartOf": _website(),
        "publisher": organization(),
        "breadcrumb": {"@id": f"{url}#breadcrumb"},
    }
    return json_ld_script(_document(page, _breadcrumb(url, [*way, (name, path)])))


def structured_data(
    post: Post,
    revision: Revision,
    record: RecordDict,
    *,
    description: str,
    keywords: list[str],
    images: list[dict[str, Any]],
    disclosure: Disclosure,
    address_of: Callable[[str, str], str],
    is_indexable: bool,
) -> Node:
    """Return the WebPage around a TechArticle, with its breadcrumb, as a JSON-LD document.

    description, keywords, images: description_of(), keywords_of() and the pictures of `record`.
    """
    path = post.get_absolute_url()
    url = settings.SITE_URL + path
    about_both = {"inLanguage": language_of(record)}
    page = {
        "@type": "WebPage",
        "@id": url,
        "url": url,
        "name": record["title"],
        "isPartOf": _website(),
        "breadcrumb": {"@id": f"{url}#breadcrumb"},
        "mainEntity": {"@id": f"{url}#article"},
        **about_both,
    }
    if is_indexable and disclosure.approved_at:
        page["lastReviewed"] = in_site_zone(disclosure.approved_at).date().isoformat()
        # A role stands between a property and its value. Reviewers are not named.
        page["reviewedBy"] = {"@type": "Role", "roleName": "Reviewer", "reviewedBy": _organization_in_short()}
    article = {
        "@type": "TechArticle",
        "@id": f"{url}#article",
        "mainEntityOfPage": {"@id": url},
        "headline": record["title"],
        "description": description,
        "creditText": disclosure.sentence,
        "digitalSourceType": disclosure.source_type,
        "author": _authors(disclosure, address_of),
        "publisher": organization(),
        "image": _images_of(post, images),
        "keywords": keywords,
        "about": [{"@type": "Thing", "name": entity["name"]} for entity in record.get("entities", ())[:MAX_KEYWORDS]],
        "proficiencyLevel": _LEVELS.get(record.get("difficulty", "").strip().casefold(), ""),
        "timeRequired": f"PT{record['reading_time']}M" if record.get("reading_time") else "",
        "version": revision.version,
        "identifier": {"@type": "PropertyValue", "propertyID": "SHA-256", "value": revision.fingerprint},
        "encoding": {
            "@type": "MediaObject",
            "encodingFormat": "application/json",
            "contentUrl": settings.SITE_URL + address("posts:record", post.slug),
        },
        **about_both,
    }
    if revision.pk == post.live_revision_id:
        article["datePublished"] = (
            disclosure.published_on.isoformat() if disclosure.published_on else _moment(post.released_at)
        )
        article["dateModified"] = _moment(post.changed_for_readers_at)
    stack = next(iter(record.get("stack", ())), "")
    list_path = address_of("stack", stack) if stack else ""
    way = [(stack, list_path)] if list_path else []
    return _document(_filled(page), _filled(article), _breadcrumb(url, [*way, (record["title"], path)]))


def _authors(disclosure: Disclosure, address_of: Callable[[str, str], str]) -> list[Node]:
    """Return the people who wrote a text, with the lists of their articles; the site if none is named."""
    people = []
    for name in disclosure.authors[:MAX_AUTHORS]:
        path = address_of("authors", name)
        people.append(_filled({"@type": "Person", "name": name, "url": settings.SITE_URL + path if path else ""}))
    return people or [_organization_in_short()]


def json_ld_script(data: Node) -> SafeString:
    """Return `data` as a script element that no browser runs. All JSON in pages comes from here."""
    text = _encode(data)
    for sign, escape in _ESCAPES:
        if sign in text:
            text = text.replace(sign, escape)
    return SafeString(f'<script type="application/ld+json">{text}</script>')


def description_of(record: RecordDict) -> str:
    """Return one or two sentences about a record, in one line."""
    return excerpt_of(record, limit=MAX_DESCRIPTION)


def keywords_of(record: RecordDict) -> list[str]:
    """Return a record's keywords: its stack, tools and tags, each once."""
    words = [word for key in ("stack", "tools", "tags") for word in record.get(key, ())]
    return list(dict.fromkeys(words))[:MAX_KEYWORDS]


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _filled(values: Node) -> Node:
    return {key: value for key, value in values.items() if value not in ("", [])}
