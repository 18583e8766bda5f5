"""What a page tells programs: JSON-LD in the terms of schema.org, and the values of Open Graph.

Everything is computed from record and decisions. A person's review is claimed exactly where the page is indexable:
for a text that a person approved individually and that has no obstacle.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

from posts.listing.publication_date import publication_moment
from posts.models import Post, Revision
from posts.public.disclosure import Disclosure
from posts.records.schema import RecordDict
from posts.rendering.dates import in_site_zone
from posts.rendering.images import loaded_pictures, picture_addresses
from posts.reverse import address

MAX_DESCRIPTION = 300
MAX_PICTURES = 10
MAX_KEYWORDS = 30
MAX_AUTHORS = 30
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# In a script element "</script" ends it and "<!--" changes how it is parsed; the two separators end a script line.
_ESCAPES = [(sign, f"\\u{ord(sign):04x}") for sign in "<>&\u2028\u2029"]


@dataclass(frozen=True)
class PageHead:
    """The head of an article's page.

    url: absolute. picture: its address or "". json_ld: a script element with data that is never run, or "" on a
    preview.
    """

    title: str
    description: str
    url: str
    picture: str
    published_at: datetime | None
    changed_at: datetime | None
    tags: list[str]
    json_ld: str


def article_head(
    post: Post,
    revision: Revision,
    record: RecordDict,
    *,
    disclosure: Disclosure,
    stack_address: str = "",
    is_indexable: bool,
    is_preview: bool = False,
) -> PageHead:
    """Return the PageHead of `revision` (shown as `record`) at the address of `post`.

    stack_address: the path of the list of its first stack, if that has one.
    """
    pictures = loaded_pictures(picture_addresses(record))[:MAX_PICTURES]
    is_live = revision.pk == post.live_revision_id
    way = [(record["stack"][0], settings.SITE_URL + stack_address)] if stack_address else []
    data = structured_data(post, revision, record, pictures, way, disclosure=disclosure, is_indexable=is_indexable)
    return PageHead(
        title=record["title"],
        description=description_of(record),
        url=settings.SITE_URL + post.get_absolute_url(),
        picture=pictures[0] if pictures else "",
        published_at=publication_moment(record, post.released_at) if is_live else None,
        changed_at=post.last_published_at if is_live else None,
        tags=keywords_of(record),
        json_ld="" if is_preview else json_ld_script(data),
    )


def language_of(record: RecordDict) -> str:
    """Return the language tag (BCP 47) of a record; "" if it states none or something else."""
    language = record.get("language", "")
    return language if _LANGUAGE.fullmatch(language) else ""


def structured_data(
    post: Post,
    revision: Revision,
    record: RecordDict,
    pictures: list[str],
    way: list[tuple[str, str]],
    *,
    disclosure: Disclosure,
    is_indexable: bool,
) -> dict[str, Any]:
    """Return the WebPage around a TechArticle, with its breadcrumb, as a JSON-LD document (a dict).

    way: names and addresses of the pages between the home page and the article.
    """
    url = settings.SITE_URL + post.get_absolute_url()
    site = {"@type": "Organization", "name": settings.SITE_NAME, "url": f"{settings.SITE_URL}/"}
    about_both = {"inLanguage": language_of(record)}
    page = {
        "@type": "WebPage",
        "@id": url,
        "url": url,
        "name": record["title"],
        "isPartOf": {"@type": "WebSite", "name": settings.SITE_NAME, "url": f"{settings.SITE_URL}/"},
        "breadcrumb": {"@id": f"{url}#breadcrumb"},
        "mainEntity": {"@id": f"{url}#article"},
        **about_both,
    }
    if is_indexable and disclosure.approved_at:
        page["lastReviewed"] = in_site_zone(disclosure.approved_at).date().isoformat()
        page["reviewedBy"] = {"@type": "Person", "jobTitle": "Reviewer", "affiliation": site}
    article = {
        "@type": "TechArticle",
        "@id": f"{url}#article",
        "mainEntityOfPage": {"@id": url},
        "headline": record["title"],
        "description": description_of(record),
        "creditText": disclosure.sentence,
        "digitalSourceType": disclosure.source_type,
        "author": [{"@type": "Person", "name": name} for name in disclosure.authors[:MAX_AUTHORS]] or site,
        "publisher": site,
        "image": pictures,
        "keywords": keywords_of(record),
        "about": [{"@type": "Thing", "name": entity["name"]} for entity in record.get("entities", ())[:MAX_KEYWORDS]],
        "proficiencyLevel": record.get("difficulty", ""),
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
    breadcrumb = {
        "@type": "BreadcrumbList",
        "@id": f"{url}#breadcrumb",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": address}
            for place, (name, address) in enumerate(
                [("Home", f"{settings.SITE_URL}/"), *way, (record["title"], url)], start=1
            )
        ],
    }
    return {"@context": "https://schema.org", "@graph": [_filled(page), _filled(article), breadcrumb]}


def json_ld_script(data: Any) -> SafeString:
    """Return `data` as a script element that no browser runs. All JSON in pages comes from here."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign, escape in _ESCAPES:
        text = text.replace(sign, escape)
    return SafeString(f'<script type="application/ld+json">{text}</script>')


def description_of(record: RecordDict) -> str:
    """Return one or two sentences about a record, in one line."""
    words = " ".join(record.get("summary", "").split())
    return words if len(words) <= MAX_DESCRIPTION else words[: MAX_DESCRIPTION - 1].rstrip() + "…"


def keywords_of(record: RecordDict) -> list[str]:
    """Return a record's keywords: its stack, tools and tags, each once."""
    words = [word for key in ("stack", "tools", "tags") for word in record.get(key, ())]
    return list(dict.fromkeys(words))[:MAX_KEYWORDS]


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [])}
