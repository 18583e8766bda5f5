"""Compares what each surface of a site says to search engines about its posts with the rule.

Surfaces: the page's robots meta tag, X-Robots-Tag, JSON-LD and the status of its address; the record's JSON, the post
in the API and the API's list; the sitemap, the feeds and the lists; finished pages in the database. The rule is
PostQuerySet.indexable; Post.is_indexable must agree.

Rows, lists and both forms of the rule are compared in sets, for every post. The answers of a post cost far more, so
they are asked for a sample: posts at random, and the first ones of every state.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import islice
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from django.conf import settings
from django.urls import Resolver404, resolve, reverse

from posts.db.keyset import in_chunks
from posts.models import Post, Term
from posts.models.index_conditions import failing_conditions
from posts.models.post import PostQuerySet
from posts.models.term import INDEXABLE_FROM
from posts.page_cache.stored import shown_headers

CHUNK = 500
# These name every listed post.
COMPLETE = ("the sitemap", "the list of the API")
API_PAGE = 100
REVIEW_CLAIMS = {"lastReviewed", "reviewedBy"}
# How many lists of terms of each kind are asked for from either end.
TERMS_ASKED = 20
# So that a state that few posts are in is in every sample.
OF_EACH_STATE = 5
# What follows the first part of the address of most posts.
_PLAIN = re.compile("([a-z0-9-]+)/")
# All that the rule and the address of a post depend on.
_OF_RULE = (
    "slug needs_human_review held closed_until_decided withdrawn_at first_published_at first_batch_id "
    "last_batch__index_open live_revision__fingerprint live_revision__status live_revision__batch__index_open "
    "head_revision__status live_approval__outcome live_approval__revoked_at live_approval__revision_id "
    "live_approval__fingerprint live_approval__is_bulk"
).split()


@dataclass(frozen=True)
class Answer:
    """The answer of an address. headers: lower-case name → value."""

    status: int
    headers: Mapping[str, str]
    body: str


# From the path of an address to its Answer, without following redirects.
Fetch = Callable[[str], Answer]
# From what was found so far, and the primary key of the last compared post.
Tell = Callable[["Report", int], None]


@dataclass(frozen=True)
class Scope:
    """Which posts are compared, and for how many their own answers are asked for.

    sample: how many at random, besides some of every state; None for all. seed: another one chooses others. after: the
    primary key behind which the comparison begins.
    """

    sample: int | None = None
    seed: int = 0
    after: int = 0


@dataclass
class Report:
    """How many posts were compared, for how many of them answers were asked for, each mismatch as (address, words)."""

    posts: int = 0
    asked: int = 0
    mismatches: list[tuple[str, str]] = field(default_factory=list)


class _Named:
    """Which surfaces name which posts. A number for each post, whose bits are surfaces, fits a million posts."""

    def __init__(self) -> None:
        self._surfaces: list[str] = []
        self._bits: dict[str, int] = {}

    def add(self, slugs: Iterator[str], surface: str) -> None:
        """Note that a surface names posts."""
        if surface not in self._surfaces:
            self._surfaces.append(surface)
        bit = 1 << self._surfaces.index(surface)
        for slug in slugs:
            self._bits[slug] = self._bits.get(slug, 0) | bit

    def surfaces(self, slug: str) -> set[str]:
        """Return the surfaces that name a post."""
        bits = self._bits.get(slug, 0)
        return {surface for at, surface in enumerate(self._surfaces) if bits >> at & 1}

    def slugs(self) -> Iterator[str]:
        """Yield the slug of everything that is named."""
        yield from self._bits


def audit_indexing(fetch: Fetch, scope: Scope = Scope(), *, tell: Tell | None = None) -> Report:
    """Compare every post of the scope with the rows and answers of a site; return the Report.

    A post that seems wrong is read and fetched again, because it may have changed between the two.
    tell: is called after each set of posts.
    """
    report = Report()
    named = _named_posts(fetch, report)
    _name_strangers(named, report)
    related = Post.objects.select_related("live_revision__batch", "head_revision", "live_approval", "last_batch")
    chosen, seen = _chosen(scope), Counter[object]()
    # A long-lived query would hold all rows of the site on the server's disk.
    for chunk in in_chunks(related.only(*_OF_RULE), size=CHUNK, after=scope.after):
        listed, visible = _by_sql(chunk)
        stored = _stored(chunk)
        for post in chunk:
            seen[state := _state_of(post, post.pk in listed)] += 1
            is_asked = chosen is None or report.posts in chosen or seen[state] <= OF_EACH_STATE
            report.posts += 1
            report.asked += is_asked
            problems = _row_problems(post, post.pk in listed, post.pk in visible, named)
            problems += _stored_problems(post, post.pk in listed, stored)
            if problems or (is_asked and _answer_problems(post, post.pk in listed, fetch)):
                report.mismatches += _after_second_look(post, fetch, named)
        if tell:
            tell(report, chunk[-1].pk)
    return report


def _chosen(scope: Scope) -> frozenset[int] | None:
    """Return which posts of the walk are asked for, by their place in it; None for all."""
    if scope.sample is None:
        return None
    count = Post.objects.filter(pk__gt=scope.after).count()
    # Not for secrets: the same seed chooses the same posts.
    return frozenset(random.Random(scope.seed).sample(range(count), min(scope.sample, count)))  # noqa: S311


def _state_of(post: Post, is_listed: bool) -> object:
    """Return all that decides what the answers of a post say, besides its text."""
    return (
        tuple(failing_conditions(post)),
        is_listed,
        post.visible_revision is not None,
        post.live_revision_id == post.head_revision_id,
    )


def _by_sql(posts: list[Post]) -> tuple[set[int], set[int]]:
    """Return which of some posts are indexable and which visible, as primary keys."""

    def keys(rule: Callable[[PostQuerySet], PostQuerySet]) -> set[int]:
        rows = rule(Post.objects.filter(pk__gte=posts[0].pk, pk__lte=posts[-1].pk))
        return set(rows.values_list("pk", flat=True))

    return keys(PostQuerySet.indexable), keys(PostQuerySet.visible)


def _after_second_look(post: Post, fetch: Fetch, named: _Named) -> list[tuple[str, str]]:
    """Return every mismatch of a post as it is now."""
    again = Post.objects.with_texts().filter(pk=post.pk).first()
    if again is None:
        return []
    listed, visible = _by_sql([again])
    problems = _row_problems(again, bool(listed), bool(visible), named) + _answer_problems(again, bool(listed), fetch)
    problems += _stored_problems(again, bool(listed), _stored([again]))
    return [(again.get_absolute_url(), problem) for problem in problems]


def _row_problems(post: Post, is_listed: bool, is_visible: bool, named: _Named) -> list[str]:
    """Return what rows and lists say about a post against the rule, in words."""
    problems = []
    if post.is_indexable is not is_listed:
        problems.append(f"the Python rule says {_word(post.is_indexable)}, the SQL rule {_word(is_listed)}")
    if (post.visible_revision is not None) is not is_visible:
        problems.append(f"the SQL rule says {'' if is_visible else 'not '}visible, the Python rule the opposite")
    surfaces = named.surfaces(post.slug)
    for name in COMPLETE:
        problems += _surface(name, name in surfaces, is_listed)
    if not is_listed:
        problems += [f"{surface} names it" for surface in sorted(surfaces - set(COMPLETE))]
    return problems


def _stored(posts: Iterable[Post]) -> dict[str, dict[str, str]]:
    """Return {path: headers} of the pages of posts that web processes may show from the database."""
    if not (settings.STORED_PAGES and settings.PAGE_CACHE_MB):
        return {}
    return shown_headers(path for post in posts for path in _own_paths(post))


def _own_paths(post: Post) -> list[str]:
    return [unquote(reverse(name, args=[post.slug])) for name in ("posts:detail", "posts:record")]


def _stored_problems(post: Post, is_listed: bool, stored: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what stored pages of a post say against the rule, in words."""
    problems = []
    for path in _own_paths(post):
        if (headers := stored.get(path)) is not None:
            problems += _surface(f"X-Robots-Tag of the stored page {path}", not _says_noindex(headers), is_listed)
    return problems


def _answer_problems(post: Post, is_listed: bool, fetch: Fetch) -> list[str]:
    """Return what the answers of a post's own addresses say against the rule, in words."""
    problems = []
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
    return problems


def _name_strangers(named: _Named, report: Report) -> None:
    """Add what lists name that is no post: an address without a row is in none of the sets."""
    slugs = named.slugs()
    while some := set(islice(slugs, CHUNK)):
        for slug in sorted(some.difference(Post.objects.filter(slug__in=some).values_list("slug", flat=True))):
            address = reverse("posts:detail", args=[slug])
            for surface in sorted(named.surfaces(slug)):
                report.mismatches.append((address, f"{surface} names a post that does not exist"))


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
    named = _Named()
    named.add(_slugs(_sitemap_paths(fetch, reverse("posts:sitemap"), report)), "the sitemap")
    named.add(_slugs(_links_of_feed(fetch(reverse("posts:feed")), report)), "the feed")
    named.add(_slugs(_links_of_json(fetch, reverse("posts:json-feed"), report)), "the JSON feed")
    api_list = f"{reverse('posts:api-posts')}?limit={API_PAGE}"
    named.add(_slugs(_links_of_json(fetch, api_list, report)), "the list of the API")
    for address, is_open in _list_addresses():
        answer = fetch(address)
        page = _Page.of(answer.body)
        named.add(_slugs(page.links), f"the list {address}")
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


def _slugs(paths: Iterable[str]) -> Iterator[str]:
    """Yield the slugs of those paths that are the address of a post."""
    before = reverse("posts:detail", args=["SLUG"]).partition("SLUG")[0]
    for path in paths:
        if not path.startswith(before):
            continue
        # Resolving costs more than all else here, and most slugs need nobody to say what they are.
        if plain := _PLAIN.fullmatch(path, len(before)):
            yield plain[1]
            continue
        try:
            match = resolve(unquote(path))
        except Resolver404:
            continue
        if match.view_name == "posts:detail":
            yield match.kwargs["slug"]


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
