"""Rules for the JSON-LD of pages: what schema.org allows, and what Google asks of articles, breadcrumbs and sites.

Sources: schema.org; Google Search Central, "Article", "Breadcrumb", "Site names", "Logo" and "Image metadata".
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from posts.models.authorship import SOURCE_TYPES

Node = dict[str, Any]


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def is_address(value: Any) -> bool:
    return is_text(value) and re.fullmatch(r"https?://[!-~]+", value) is not None


def is_day(value: Any) -> bool:
    return is_text(value) and len(value) == 10 and date.fromisoformat(value) is not None


def is_moment(value: Any) -> bool:
    """Return whether a value is a timestamp with a zone, or a day."""
    return is_text(value) and (is_day(value) if len(value) == 10 else datetime.fromisoformat(value).tzinfo is not None)


def is_language(value: Any) -> bool:
    return (
        is_text(value) and re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?(-[a-z0-9]{3,8})*", value) is not None
    )


def one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def node(*types: str) -> Callable[[Any], bool]:
    """Return a rule: a node of one of these types, or a reference to a node."""
    return lambda value: isinstance(value, dict) and (value.get("@type") in types or set(value) == {"@id"})


def some(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) > 0 and all(map(rule, value))


# Type: {property: rule}. A property with "!" must be there, one with "*" should be there for search engines.
RULES: dict[str, dict[str, Callable[[Any], bool]]] = {
    "WebSite": {
        "@id!": is_address, "name!": is_text, "url!": is_address, "inLanguage": is_language, "publisher": node(),
    },
    "Organization": {
        "@id!": is_address, "name!": is_text, "url!": is_address, "logo": node("ImageObject"),
        "email": lambda value: is_text(value) and "@" in value,
    },
    "Person": {"name!": is_text, "url": is_address},
    "Role": {"roleName!": is_text, "reviewedBy!": node("Organization", "Person")},
    "WebPage": {
        "@id!": is_address, "url!": is_address, "name!": is_text, "isPartOf!": node("WebSite"), "breadcrumb!": node(),
        "mainEntity!": node(), "inLanguage": is_language, "lastReviewed": is_day, "reviewedBy": node("Role"),
    },
    "TechArticle": {
        "@id!": is_address, "mainEntityOfPage!": node(), "headline!": is_text, "creditText!": is_text,
        "author!": some(node("Person", "Organization")), "publisher!": node("Organization"),
        "image!": some(node("ImageObject")), "version!": is_text,
        "identifier!": node("PropertyValue"), "encoding!": node("MediaObject"), "datePublished*": is_moment,
        "dateModified*": is_moment, "description": is_text, "digitalSourceType": one_of(*SOURCE_TYPES),
        "keywords": some(is_text), "about": some(node("Thing")), "proficiencyLevel": one_of("Beginner", "Expert"),
        "timeRequired": lambda value: re.fullmatch(r"PT[1-9][0-9]*M", value) is not None, "inLanguage": is_language,
    },
    "ImageObject": {
        "url!": is_address, "contentUrl!": is_address, "width": node("QuantitativeValue"),
        "height": node("QuantitativeValue"), "caption": is_text, "creditText*": is_text, "license": is_address,
    },
    "QuantitativeValue": {"value!": lambda value: type(value) is int and value > 0, "unitCode!": one_of("E37")},
    "Thing": {"name!": is_text},
    "PropertyValue": {"propertyID!": is_text, "value!": is_text},
    "MediaObject": {"encodingFormat!": is_text, "contentUrl!": is_address},
    "CollectionPage": {
        "@id!": is_address, "url!": is_address, "name!": is_text, "isPartOf!": node("WebSite"), "breadcrumb!": node(),
        "publisher!": node("Organization"), "inLanguage!": is_language,
    },
    "BreadcrumbList": {"@id!": is_address, "itemListElement!": some(node("ListItem"))},
    "ListItem": {"position!": lambda value: type(value) is int and value > 0, "name!": is_text, "item!": is_address},
}  # fmt: skip
RULES["AboutPage"] = RULES["CollectionPage"]


def problems_of(document: Node) -> list[str]:
    """Return what is wrong with the JSON-LD of a page, each as a sentence."""
    if set(document) != {"@context", "@graph"} or document["@context"] != "https://schema.org":
        return ["The document is not a graph in the terms of schema.org."]
    nodes = list(_nodes(document["@graph"]))
    known = {found["@id"] for found in nodes if "@id" in found and "@type" in found}
    problems = [problem for found in nodes for problem in _problems_of_node(found, known)]
    for found in nodes:
        if found.get("@type") == "BreadcrumbList":
            places = [step["position"] for step in found["itemListElement"]]
            if places != list(range(1, len(places) + 1)) or len(places) < 2:
                problems.append(f"The breadcrumb has the positions {places}.")
    return problems


def missing_recommended(document: Node) -> set[str]:
    """Return what search engines would like to see and the document doesn't have: TechArticle.datePublished."""
    return {
        f"{found['@type']}.{name[:-1]}"
        for found in _nodes(document["@graph"])
        for name in RULES.get(found.get("@type", ""), ())
        if name.endswith("*") and name[:-1] not in found
    }


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def _problems_of_node(found: Node, known: set[str]) -> Iterator[str]:
    if set(found) == {"@id"}:
        if found["@id"] not in known:
            yield f"No node has the id {found['@id']}."
        return
    kind = found.get("@type")
    if kind not in RULES:
        yield f"{kind} is a type without a rule."
        return
    rules = {name.rstrip("!*"): rule for name, rule in RULES[kind].items()}
    yield from (f"{kind} lacks {name[:-1]}." for name in RULES[kind] if name.endswith("!") and name[:-1] not in found)
    for name, value in found.items():
        if name == "@type":
            continue
        if name not in rules and name != "@id":
            yield f"{kind} has {name}, which has no rule."
        elif not _holds(rules.get(name, is_address), value):
            yield f"{kind}.{name} can't be {value!r}."


def _holds(rule: Callable[[Any], bool], value: Any) -> bool:
    try:
        return rule(value)
    except (TypeError, ValueError):
        return False
