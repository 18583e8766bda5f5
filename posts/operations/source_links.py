"""Links between the files of a source: which post each one leads to.

A text keeps the address that its author wrote. Beside it a SourceLink says which post that is, found by the place of
both files in their source. Posts come in any order, so an import looks for all targets of its site at its end.
"""

import json
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from posts.db.json_rows import JsonRows
from posts.db.keyset import in_chunks
from posts.models import FormerSlug, Post, SourceLink, SourcePlace
from posts.operations.slugs import former_path
from posts.rendering.file_links import MARKDOWN_ENDINGS, is_markdown_file, kind_of, leads_elsewhere, written
from posts.rendering.markdown import heading_targets, links_in
from posts.reverse import address as address_of

CHUNK = 500
_ENDING = re.compile(rf"({'|'.join(map(re.escape, MARKDOWN_ENDINGS))}|\.html?)$")


class Place(NamedTuple):
    """Where a file is. post: its post, by whatever key the caller uses."""

    post: Any
    path: str


def place_key(path: str) -> str:
    """Return a path as links write it: without ending, index files, capital letters, spaces and leading underscores."""
    text = unicodedata.normalize("NFC", unquote(path)).casefold()
    parts = [part.strip().replace(" ", "-").lstrip("_") for part in text.split("/") if part not in ("", ".")]
    if not parts:
        return ""
    parts[-1] = _ENDING.sub("", parts[-1])
    if parts[-1] in ("index", "readme") and len(parts) > 1:
        parts.pop()
    return "/".join(parts)


def name_of(key: str) -> str:
    """Return the last part of a key, as SourcePlace.name has it."""
    return key.rpartition("/")[2][:200]


class Known:
    """The places that links of one site may lead to: files by the last part of their path, and addresses of before."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[tuple[str, Place]]] = defaultdict(list)
        self.by_former: dict[str, Any] = {}

    def add(self, place: Place) -> None:
        key = place_key(place.path)
        self.by_name[name_of(key)].append((key, place))

    def find(self, address: str, path: str, site: str) -> Any:
        """Return the post that an address in the file at `path` leads to, or None."""
        for how, wanted in _candidates(address, path, site):
            is_former = how == "former"
            found = self.by_former.get(wanted) if is_former else self._at(wanted, path, is_end=how == "end")
            if found is not None:
                return found
        return None

    def _at(self, wanted: str, path: str, *, is_end: bool) -> Any:
        """Return the post at a key, or at the one key that ends so and is nearest to `path`."""
        here = posixpath.dirname(path).split("/")
        best: list[tuple[tuple[int, int], Any]] = []
        for key, place in self.by_name.get(name_of(wanted), ()):
            if key == wanted:
                return place.post
            if is_end and key.endswith(f"/{wanted}"):
                near = _shared(here, posixpath.dirname(place.path).split("/"))
                # Of two as near, such as copies in several languages, the one that is less deep.
                best.append(((near, -key.count("/")), place.post))
        nearest = max((near for near, _ in best), default=(0, 0))
        found = [post for near, post in best if near == nearest]
        return found[0] if len(found) == 1 else None


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _candidates(address: str, path: str, site: str) -> Iterator[tuple[str, str]]:
    """Yield (how to look, key) of what an address may mean, best first."""
    if address.startswith("[["):
        if name := address[2:].partition("#")[0]:
            yield from _exact(posixpath.dirname(path), name)
            yield from _anywhere(name)
    elif re.match("https?://", address):
        parts, (host, _, base) = urlsplit(address), site.partition("/")
        if parts.netloc.removeprefix("www.") == host.removeprefix("www."):
            yield from _from_root(parts.path or "/", site, base)
    elif address.startswith("@"):
        yield from _by_template(re.split("[?#]", address)[0], path)
    else:
        target = re.split("[?#]", address)[0]
        yield from _from_root(target, site) if target.startswith("/") else _relative(target, path)


def _from_root(target: str, site: str, base: str = "") -> Iterator[tuple[str, str]]:
    """Yield the same for a path on the host of a site, which is below `base` there."""
    if former := former_path(target):
        yield "former", former
    target = target.removeprefix(f"/{base}/") if base else target
    yield from _anywhere(target)
    # The source may be a folder inside of what the address names: /en/guide/x/ with the folder “en” as the source.
    first, _, rest = place_key(target).partition("/")
    if rest and ("/" in rest or first == site.casefold()):
        yield "exact", rest


def _by_template(target: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield the same for an address of file_links.py that begins with @."""
    how, _, rest = target.partition(":")
    if how == "@post":
        # Jekyll names a post without the folder of all posts.
        yield from _anywhere(f"_posts/{rest}")
        yield from _anywhere(rest)
    elif how in ("@ref", "@link"):
        if how == "@ref" and not rest.startswith("/"):
            yield from _exact(posixpath.dirname(path), rest)
        yield from _anywhere(rest)
    else:
        # Zola's @/blog/x.md.
        yield from _anywhere(target.partition("/")[2])


def _relative(target: str, path: str) -> Iterator[tuple[str, str]]:
    if not target or leads_elsewhere(target):
        return
    yield from _exact(posixpath.dirname(path), target)
    if not is_markdown_file(target):
        # At its site each page is a folder.
        yield from _exact(_ENDING.sub("", path), target)
    elif not target.startswith("."):
        yield from _anywhere(target)


def _exact(folder: str, target: str) -> Iterator[tuple[str, str]]:
    joined = posixpath.normpath(posixpath.join(folder, unquote(target)))
    if not joined.startswith("..") and (key := place_key(joined)):
        yield "exact", key


def _anywhere(target: str) -> Iterator[tuple[str, str]]:
    if key := place_key(target):
        yield "exact", key
        yield "end", key


# Stored links


def note_places(rows: Iterable[tuple[int, str, str]]) -> None:
    """Store where the files of posts are. rows: (post id, site, path)."""
    places = [
        SourcePlace(post_id=post_id, site=site[:300], path=path[:1000], name=name_of(place_key(path)))
        for post_id, site, path in rows
    ]
    SourcePlace.objects.bulk_create(
        places, update_conflicts=True, update_fields=["site", "path", "name"], unique_fields=["post"]
    )


def own_addresses(addresses: Iterable[str], site: str) -> list[str]:
    """Return the addresses that may lead to posts of a site: not those on other hosts."""
    return [
        address
        for address in addresses
        if not re.match("(?!@)[a-zA-Z][a-zA-Z0-9+.-]*:", address) or next(_candidates(address, "", site), None)
    ]


def note_links(rows: Iterable[tuple[int, Iterable[str]]], *, replaced: Iterable[int] = ()) -> None:
    """Store the addresses in new texts of posts. replaced: the posts whose earlier text no reader sees any more."""
    rows = [(post_id, list(addresses)) for post_id, addresses in rows]
    wanted = {(post_id, address) for post_id, addresses in rows for address in addresses}
    if replaced := list(replaced):
        old = SourceLink.objects.filter(post__in=replaced).values_list("pk", "post_id", "address")
        SourceLink.objects.filter(pk__in=[pk for pk, *link in old if tuple(link) not in wanted]).delete()
    links = [
        SourceLink(post_id=post_id, address=address)
        for post_id, addresses in rows
        for address in dict.fromkeys(addresses)
    ]
    SourceLink.objects.bulk_create(links, ignore_conflicts=True, batch_size=1000)


def refresh_links(post_ids: Iterable[int]) -> None:
    """Store where the links of posts lead after their texts changed, and those of other posts to their headings.

    The number of statements does not depend on the number of posts, but for the texts to whose headings links lead.
    """
    ids = list(post_ids)
    rows = []
    for place in SourcePlace.objects.filter(post__in=ids).select_related("post__head_revision", "post__live_revision"):
        texts = [text.snapshot for text in (place.post.head_revision, place.post.live_revision) if text is not None]
        addresses = dict.fromkeys(address for text in texts for address in links_in(text))
        rows.append((place.post_id, own_addresses(addresses, place.site)))
    placed = [post_id for post_id, _ in rows]
    if rows:
        note_links(rows, replaced=placed)
    links = SourceLink.objects.select_related("post__source_place")
    to_headings = links.filter(target__in=ids, address__contains="#").exclude(post__in=placed)
    by_site: dict[str, list[SourceLink]] = defaultdict(list)
    for link in [*(links.filter(post__in=placed) if placed else ()), *to_headings]:
        if hasattr(link.post, "source_place"):
            by_site[link.post.source_place.site].append(link)
    for found in by_site.values():
        _resolve(found)


def resolve_site(site: str, *, batch_id: int | None = None) -> dict[str, tuple[int, str]]:
    """Find the target of every link of a site; return {what the report says: (number of posts, example)}.

    Counted are the links that lead to no post, of the texts that the import `batch_id` brought.
    """
    links = SourceLink.objects.filter(post__source_place__site=site).select_related("post__source_place")
    links = links.annotate(batch_id=F("post__head_revision__batch"))
    report = Unresolved()
    for rows in in_chunks(links, size=CHUNK):
        _resolve(rows)
        for link in rows:
            if link.target_id is None and link.batch_id == batch_id:
                report.add(link.address, link.post.source_place.path)
    return report.counts()


class Unresolved:
    """Counts posts by the kinds of links in them that lead to no post."""

    def __init__(self) -> None:
        self._posts: dict[str, set[str]] = defaultdict(set)
        self._examples: dict[str, str] = {}

    def add(self, address: str, path: str) -> None:
        if kind := kind_of(address):
            self._posts[kind].add(path)
            self._examples.setdefault(kind, f"“{written(address)[:80]}” in {path[:100]}")

    def counts(self) -> dict[str, tuple[int, str]]:
        return {kind: (len(paths), self._examples[kind]) for kind, paths in self._posts.items()}


def known_places(site: str, names: Iterable[str], formers: Iterable[str]) -> Known:
    """Return the stored places of a site with these names, and the posts that had these paths there."""
    known = Known()
    rows = SourcePlace.objects.filter(site=site, name__among=list(names)).order_by("pk")
    for post_id, path in rows.values_list("post_id", "path"):
        known.add(Place(post_id, path))
    if formers := list(formers):
        old = FormerSlug.objects.filter(slug__among=formers, post__source_place__site=site)
        known.by_former = dict(old.values_list("slug", "post_id"))
    return known


def names_in(addresses: Iterable[tuple[str, str]], site: str) -> tuple[set[str], set[str]]:
    """Return (names of places, paths of before) that addresses may mean. addresses: (address, path of its file)."""
    names: set[str] = set()
    formers: set[str] = set()
    for address, path in addresses:
        for how, wanted in _candidates(address, path, site):
            (formers if how == "former" else names).add(wanted if how == "former" else name_of(wanted))
    return names, formers


def _resolve(links: Iterable[Any]) -> None:
    """Set and store target and anchor of SourceLinks of one site, read with their posts and places."""
    links = [link for link in links if hasattr(link.post, "source_place")]
    if not links:
        return
    site = links[0].post.source_place.site
    known = known_places(site, *names_in(((link.address, link.post.source_place.path) for link in links), site))
    changed, headings = [], _Headings()
    for link in links:
        target = known.find(link.address, link.post.source_place.path, site)
        anchor = headings.anchor(target, link.address) if target and "#" in link.address else ""
        if (link.target_id, link.anchor) != (target, anchor):
            link.target_id, link.anchor = target, anchor
            changed.append(link)
    SourceLink.objects.bulk_update(changed, ["target", "anchor"], batch_size=CHUNK)


class _Headings:
    """What the headings of posts are called, read once for many links."""

    def __init__(self) -> None:
        self._find: dict[int, Callable[[str], str | None]] = {}

    def anchor(self, post_id: int, address: str) -> str:
        """Return the id of the heading that the end of an address means, or ""."""
        if post_id not in self._find:
            post = Post.objects.select_related("live_revision", "head_revision").get(pk=post_id)
            self._find[post_id] = heading_targets((post.live_revision or post.head).snapshot).find
        return (self._find[post_id](address.rpartition("#")[2]) or "")[:120]


# Links of a page


def with_link_targets(posts: QuerySet[Post]) -> QuerySet[Post]:
    """Annotate a queryset of posts with `link_targets`, for link_targets_of_post()."""
    found = _shown_links().filter(post=OuterRef("pk")).order_by().values("post")
    return posts.annotate(
        link_targets=Subquery(found.annotate(found=JsonRows("address", "target__slug", "anchor")).values("found"))
    )


def _shown_links() -> QuerySet[SourceLink]:
    """Return the links that lead to posts that readers see."""
    return SourceLink.objects.filter(Exists(Post.objects.visible().filter(pk=OuterRef("target"))))


def link_targets_of_post(post: Any) -> dict[str, str]:
    """Return {address in its texts: address here}: annotated, else read now."""
    if hasattr(post, "link_targets"):
        return {row[0]: _address(*row[1:]) for row in json.loads(post.link_targets or "[]")}
    return link_targets_of([post.pk]).get(post.pk, {})


def link_targets_of(post_ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Return {post id: {address in its texts: address here}} for many posts, in one query."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    rows = _shown_links().filter(post__in=list(post_ids)).order_by()
    for post_id, address, slug, anchor in rows.values_list("post_id", "address", "target__slug", "anchor"):
        found[post_id][address] = _address(slug, anchor)
    return found


def _address(slug: str, anchor: str) -> str:
    return address_of("posts:detail", slug) + (f"#{anchor}" if anchor else "")
