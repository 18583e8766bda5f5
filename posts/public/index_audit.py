"""Compares for every post what each surface of a site says to search engines with the rule.

Surfaces: the page's robots meta tag, X-Robots-Tag, JSON-LD and the status of its address; the record's JSON, the post
in the API and the API's list; the sitemap, the feeds and the lists. The rule is PostQuerySet.indexable;
Post.is_indexable must agree.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from django.conf import settings
from django.urls import Resolver404, resolve, reverse

from posts.db.keyset import in_chunks
from posts.models import Post, Term
from posts.models.term import INDEXABLE_FROM

CHUNK = 200
# These name every listed post.
COMPLETE = ("the sitemap", "the list of the API")
API_PAGE = 100
REVIEW_CLAIMS = {"lastReviewed", "reviewedBy"}
# How many lists of terms of each kind are asked for from either end.
TERMS_ASKED = 20


@dataclass(frozen=True)
class Answer:
    """The answer of an address. headers: lower-case name → value."""

    status: int
    headers: Mapping[str, str]
    body: str


# From the path of an address to its Answer, without following redirects.
Fetch = Callable[[str], Answer]
# {slug: the surfaces that name the post}
_Named = dict[str, set[str]]


@dataclass
class Report:
    """How many posts were checked, and each mismatch as (address, words)."""

    posts: int = 0
    mismatches: list[tuple[str, str]] = field(default_factory=list)


def audit_indexing(fetch: Fetch) -> Report:
    """Compare every post of the database with the answers of a site; return the Report.

    A post that seems wrong is read and fetched again,
    because it may have changed between the two.
    """
    report = Report()
    named = _named_posts(fetch, report)
    # A long-lived query would hold all texts of the site on the server's disk.
    for chunk in in_chunks(Post.objects.with_texts(), size=CHUNK):
        listed = set(Post.objects.indexable().filter(pk__in=[post.pk for post in chunk]).values_list("pk", flat=True))
        for post in chunk:
            report.posts += 1
            if _problems(post, post.pk in listed, fetch, named):
                again = Post.objects.with_texts().get(pk=post.pk)
                is_listed = Post.objects.indexable().contains(again)
                report.mismatches += [
                    (again.get_absolute_url(), problem) for problem in _problems(again, is_listed, fetch, named)
                ]
            named.pop(post.slug, None)
    for slug, surfaces in named.items():
        for surface in sorted(surfaces):
            address = reverse("posts:detail", args=[slug])
            report.mismatches.append((address, f"{surface} names a post that does not exist"))
    return report


def _problems(post: Post, is_listed: bool, fetch: Fetch, named: _Named) -> list[str]:
    """Return every mismatch of one post, in words."""
    problems = []
    if post.is_indexable is not is_listed:
        problems.append(f"the Python rule says {_word(post.is_indexable)}, the SQL rule {_word(is_listed)}")
    page = fetch(post.get_absolute_url())
    is_visible = post.visible_revision is not None
    if (page.status == 200) is not is_visible:
        problems.append(f"the page answers {page.status}, but it is {'' if is_visible else 'not '}visible")
    problems += _surface("X-Robots-Tag of the page", not _says_noindex(page.headers), is_listed)
    if page.status == 200:
        found = _Page.of(page.body)
        problems += _surface("robots meta", not _is_noindex(found.robots), is_listed)
        problems += _json_ld_problems(found, is_listed)
        picture = fetch(reverse("posts:card", args=[post.slug]))
        problems += _surface("X-Robots-Tag of the picture", not _says_noindex(picture.headers), is_listed)
        for name, view in [("JSON", "posts:record"), ("API", "posts:api-post")]:
            answer = fetch(reverse(view, args=[post.slug]))
            problems += _surface(f"X-Robots-Tag of the {name}", not _says_noindex(answer.headers), is_listed)
            problems += _surface(f"the {name}", _json_says_indexable(answer), is_listed)
    surfaces = named.get(post.slug, set())
    for name in COMPLETE:
        problems += _surface(name, name in surfaces, is_listed)
    if not is_listed:
        problems += [f"{surface} names it" for surface in sorted(surfaces - set(COMPLETE))]
    return problems


def _json_ld_problems(page: "_Page", is_listed: bool) -> list[str]:
    """Return mismatches of JSON-LD: exactly the listed texts claim a person's review, and completely."""
    claimed = page.claimed_reviews()
    if claimed is None:
        return ["JSON-LD is not valid JSON"]
    if is_listed:
        return [f"JSON-LD lacks {key}" for key in sorted(REVIEW_CLAIMS - claimed)]
    return [f"JSON-LD says {key}; the rule says closed" for key in sorted(claimed)]


def _surface(name: str, says_open: bool, is_listed: bool) -> list[str]:
    return [] if says_open is is_listed else [f"{name} says {_word(says_open)}, the rule {_word(is_listed)}"]


def _word(is_open: bool) -> str:
    return "open" if is_open else "closed"


def _is_noindex(content: str) -> bool:
    words = {word.strip().lower() for word in content.split(",")}
    return bool(words & {"noindex", "none"})


def _says_noindex(headers: Mapping[str, str]) -> bool:
    return _is_noindex(headers.get("x-robots-tag", ""))


def _json_says_indexable(answer: Answer) -> bool:
    try:
        return json.loads(answer.body)["review"]["indexable"] is True
    except (ValueError, KeyError, TypeError):
        return False


def _named_posts(fetch: Fetch, report: Report) -> _Named:
    """Return _Named of every post that the sitemap, a feed, the API or a list names."""
    named: _Named = {}
    for path in _sitemap_paths(fetch, reverse("posts:sitemap"), report):
        _name(named, path, "the sitemap")
    for path in _links_of_feed(fetch(reverse("posts:feed")), report):
        _name(named, path, "the feed")
    for address in (reverse("posts:json-feed"), f"{reverse('posts:api-posts')}?limit={API_PAGE}"):
        is_feed = address == reverse("posts:json-feed")
        for path in _links_of_json(fetch, address, report):
            _name(named, path, "the JSON feed" if is_feed else "the list of the API")
    for address, is_open in _list_addresses():
        answer = fetch(address)
        page = _Page.of(answer.body)
        for path in page.links:
            _name(named, path, f"the list {address}")
        says_open = answer.status == 200 and not _is_noindex(page.robots)
        for surface, says in [("robots meta", says_open), ("X-Robots-Tag", not _says_noindex(answer.headers))]:
            report.mismatches += [(address, problem) for problem in _surface(surface, says, is_open)]
    return named


def _list_addresses() -> Iterator[tuple[str, bool]]:
    """Yield (address, whether it is indexable) of the first page of every list.

    Of terms, the most used of each kind and those around the number from which a list is indexable.
    """
    is_any = Post.objects.indexable().exists()
    yield reverse("posts:home"), settings.INDEXING
    yield reverse("posts:how"), settings.INDEXING
    yield reverse("posts:articles"), is_any
    yield reverse("posts:search"), False
    for kind, plural in Term.PLURALS.items():
        terms = Term.objects.with_list().filter(kind=kind)
        yield reverse("posts:kind", args=[plural]), terms.exists()
        edge = terms.filter(listed_count__lte=INDEXABLE_FROM).most_used_first()
        for term in dict.fromkeys([*terms.most_used_first()[:TERMS_ASKED], *edge[:TERMS_ASKED]]):
            yield term.get_absolute_url(), Term.objects.indexable().contains(term)


def _name(named: _Named, path: str, surface: str) -> None:
    try:
        match = resolve(unquote(path))
    except Resolver404:
        return
    if match.view_name == "posts:detail":
        named.setdefault(match.kwargs["slug"], set()).add(surface)


def _tree(answer: Answer, address: str, report: Report) -> ElementTree.Element | None:
    """Return the root of an XML answer, or None, which is also a mismatch."""
    try:
        # Files of our own site, or of the site that the operator named.
        return ElementTree.fromstring(answer.body)  # noqa: S314
    except ElementTree.ParseError:
        report.mismatches.append((address, f"answers {answer.status}, but not with XML"))
        return None


def _sitemap_paths(fetch: Fetch, address: str, report: Report, depth: int = 0) -> Iterator[str]:
    root = _tree(fetch(address), address, report)
    if root is None:
        return
    is_index = root.tag.endswith("}sitemapindex")
    for location in root.iterfind("{*}sitemap/{*}loc" if is_index else "{*}url/{*}loc"):
        path = urlsplit((location.text or "").strip()).path
        if not is_index:
            yield path
        elif depth == 0:
            yield from _sitemap_paths(fetch, path, report, depth=1)


def _links_of_feed(answer: Answer, report: Report) -> Iterator[str]:
    root = _tree(answer, reverse("posts:feed"), report)
    if root is not None:
        for link in root.iterfind("{*}entry/{*}link"):
            yield urlsplit(link.get("href", "")).path


def _links_of_json(fetch: Fetch, address: str, report: Report) -> Iterator[str]:
    """Yield the paths that a JSON feed or a list of the API names, over all its pages."""
    while address:
        answer = fetch(address)
        try:
            page = json.loads(answer.body)
            paths = [urlsplit(item["url"]).path for item in page.get("items") or page.get("posts") or ()]
            following = urlsplit(page.get("next") or "")
        except (ValueError, KeyError, TypeError, AttributeError):
            report.mismatches.append((address, f"answers {answer.status}, but not with a JSON list"))
            return
        yield from paths
        address = f"{following.path}?{following.query}" if following.path else ""


class _Page(HTMLParser):
    """What a page says of itself: robots meta, links, JSON-LD."""

    def __init__(self) -> None:
        super().__init__()
        self.robots, self._in_json_ld = "", False
        self.links: list[str] = []
        self.json_ld: list[str] = []

    @classmethod
    def of(cls, html: str) -> Self:
        page = cls()
        page.feed(html)
        return page

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "meta" and values.get("name", "").lower() == "robots":
            self.robots += f",{values.get('content', '')}"
        elif tag == "a" and values.get("href"):
            self.links.append(urlsplit(values["href"]).path)
        elif tag == "script" and values.get("type") == "application/ld+json":
            self._in_json_ld = True
            self.json_ld.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_json_ld = False

    def handle_data(self, data: str) -> None:
        if self._in_json_ld:
            self.json_ld[-1] += data

    def claimed_reviews(self) -> set[str] | None:
        """Return the keys of JSON-LD that claim a person's review; None for invalid JSON."""
        found: set[str] = set()
        for text in self.json_ld:
            try:
                _collect(json.loads(text), found)
            except ValueError:
                return None
        return found


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, dict):
        found |= REVIEW_CLAIMS & set(value)
        for inner in value.values():
            _collect(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)
