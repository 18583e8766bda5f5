"""Finds the related posts of every listed post, and stores them in sets.

Two posts are as similar as the terms they share (stack, tools, topic, entities, tags) are many and rare. A term
weighs the logarithm of (1 + listed posts / listed posts with it); similarity is the sum over the shared terms,
divided by the geometric mean of what all terms of each post weigh. Candidates are posts with one of the RAREST terms,
at most NEWEST for each. Weighed with all their terms are the BEST candidates and the NEWEST_WEIGHED of every single
term. So the work for a post is bounded at any size of the site, and posts about the same problem on another stack are
found beside posts with all words of one stack.

Sources: K. Spärck Jones, "A statistical interpretation of term specificity and its application in retrieval", 1972
(the weight); G. Salton, M. McGill, "Introduction to Modern Information Retrieval", 1983, ch. 4 (the cosine).
"""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log, sqrt

from django.db import connection, transaction

from posts.db.keyset import in_chunks
from posts.db.shared_walk import SharedWalk
from posts.models import Neighbour, Post, PostTerm, StaleNeighbours, Term, TextScan, TextTwin

_WORDS = re.compile(r"\w+")
# What readers see, and some more in case one of them is flagged or withdrawn.
SHOWN = 6
KEPT = 9
# Among those stored, so that a reader interested in retries doesn't read about one stack alone.
MOST_OF_A_STACK = 3
RAREST = 8
NEWEST = 200
BEST = 20
NEWEST_WEIGHED = 6
# A term that more than this share of posts have is not a reason by itself; one that so few have always is.
COMMON_SHARE = 0.05
ALWAYS_RARE = 20
MAX_SHARED = 4
# The most keys in one query.
MAX_KEYS = 5_000
# One transaction: on SQLite short enough that no save waits for it; on PostgreSQL nobody waits, and posts compared
# together share most of what is read.
CHUNK = {"sqlite": 100, "postgresql": 400}
# Posts noted by one statement.
MARKED = 1_000
STALE_WALK = "neighbours"
# Most similar first: (related post, names of shared terms).
Related = list[tuple[int, list[str]]]


def mark_stale(post_ids: Iterable[int], *, spreads: bool = True) -> None:
    """Note, in the caller's transaction, that the related posts of these posts must be found again.

    spreads: also for their own related posts, as after a change of what they are about.
    """
    StaleNeighbours.objects.bulk_create([StaleNeighbours(post_id=pk, spreads=spreads) for pk in post_ids])


def mark_all_stale(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Note that the related posts of every listed post must be found again; return the number of posts.

    Works in sets by key. If it is stopped and called again, some posts are noted twice, which is harmless.
    on_checkpoint: called after each set.
    """
    count = 0
    for ids in in_chunks(PostTerm.objects.values_list("post", flat=True).distinct(), key="post", size=MARKED):
        mark_stale(ids, spreads=False)
        count += len(ids)
        on_checkpoint()
    return count


def stale_walk() -> SharedWalk:
    """Return the walk through posts noted as stale.

    A pass has those that were noted when it began, and begins when nobody works on the last one. So whoever finds the
    posts beside another one in a pass knows its change, and the pass after it sees what all of them wrote.
    """
    return SharedWalk(
        STALE_WALK,
        lambda newest: StaleNeighbours.objects.filter(pk__lte=newest or 0),
        CHUNK[connection.vendor],
        key="post_id",
        begin=lambda _: 0,
        newest=lambda: StaleNeighbours.objects.order_by("-pk").values_list("pk", flat=True).first(),
        waits=True,
    )


def find_stale_related_posts(
    *, on_checkpoint: Callable[[], object] = lambda: None, on_more: Callable[[], object] = lambda: None
) -> int:
    """Find the related posts of all posts noted as stale; return the number of posts.

    Works in sets of CHUNK, a transaction each; if stopped, it continues there. on_checkpoint, on_more: as for
    SharedWalk.work_off().
    """
    walk, found = stale_walk(), 0
    total = Post.objects.approved().count() if StaleNeighbours.objects.exists() else 0
    while StaleNeighbours.objects.exists():
        new = walk.work_off(partial(_find_set, total=total), on_checkpoint=on_checkpoint, on_more=on_more)
        if not new:
            # Another worker has the rest, and looks again after that.
            break
        found += new
    return found


@transaction.atomic
def _find_set(ids: list[int], *, total: int) -> int:
    newest = TextScan.objects.values_list("pass_end", flat=True).get(name=STALE_WALK)
    stale = StaleNeighbours.objects.filter(post__in=ids, pk__lte=newest)
    rows = list(stale.values_list("pk", "post_id", "spreads"))
    found = related_posts_of(ids, total=total)
    before: dict[int, Related] = defaultdict(list)
    kept = Neighbour.objects.filter(post__in=ids).order_by("post", "rank")
    for post, neighbour, shared in kept.values_list("post_id", "neighbour_id", "shared"):
        before[post].append((neighbour, shared))
    changed = [post for post in ids if before[post] != found[post]]
    _write(changed, found)
    spreading = {post for _, post, spreads in rows if spreads}
    beside = {neighbour for post in spreading for neighbour, _ in (*before[post], *found[post])}
    beside.update(Neighbour.objects.filter(neighbour__in=spreading).values_list("post_id", flat=True))
    StaleNeighbours.objects.filter(pk__in=[pk for pk, _, _ in rows]).delete()
    # Posts that are noted anyway are found once: when a whole batch is released, most are.
    noted = StaleNeighbours.objects.filter(post__in=beside).values_list("post_id", flat=True)
    mark_stale(sorted(beside.difference(ids, noted)), spreads=False)
    return len(ids)


def _write(posts: Iterable[int], found: Mapping[int, Related]) -> None:
    Neighbour.objects.filter(post__in=posts).delete()
    Neighbour.objects.bulk_create(
        [
            Neighbour(post_id=post, neighbour_id=neighbour, rank=rank, shared=shared)
            for post in posts
            for rank, (neighbour, shared) in enumerate(found[post])
        ],
        batch_size=1000,
    )


def related_posts_of(posts: Collection[int], *, total: int) -> dict[int, Related]:
    """Return {post: [(related post, names of shared terms)]}, most similar first, at most KEPT.

    posts: keys. total: the number of listed posts. Posts that are not listed have no entry. Writes nothing.
    """
    about = _Terms(total)
    about.learn(posts)
    newest = _newest_with({term for post in posts for term in about.rarest(post)}, about)
    compared = {post: _compared(post, about, newest) for post in posts}
    about.learn({other for others in compared.values() for other in others})
    weighed = {post: _weighed(post, others, about) for post, others in compared.items()}
    near_duplicates = _near_duplicates_of({*posts, *(other for others in weighed.values() for _, other in others)})
    return {post: _chosen(post, weighed[post], about, near_duplicates) for post in posts}


@dataclass(frozen=True)
class _Term:
    kind: str
    key: str
    name: str
    listed_count: int
    weight: float


# The terms of a post by key, with their primary keys. A name that it has as a stack and as an entity is one term, the
# rarer of the two.
_TermsOfPost = dict[str, tuple[int, _Term]]


class _Terms:
    """What posts are about, as far as it was read. total: the number of listed posts."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.known: dict[int, _Term] = {}  # by primary key
        # The others by post.
        self.of: dict[int, _TermsOfPost] = {}
        self.stack: dict[int, tuple[int, str]] = {}  # the rarest one: (listed posts, key)
        self.length: dict[int, float] = {}  # the root of what all its terms weigh

    def learn(self, posts: Iterable[int]) -> None:
        """Read the terms of `posts`."""
        posts = [post for post in posts if post not in self.of]
        rows: list[tuple[int, int]] = []
        for at in range(0, len(posts), MAX_KEYS):
            pairs = PostTerm.objects.filter(post__in=posts[at : at + MAX_KEYS]).order_by()
            rows += pairs.values_list("post_id", "term_id")
        new = sorted({term for _, term in rows} - self.known.keys())
        for at in range(0, len(new), MAX_KEYS):
            terms = Term.objects.filter(pk__in=new[at : at + MAX_KEYS])
            for pk, kind, key, name, count in terms.values_list("pk", "kind", "key", "name", "listed_count"):
                weight = log(1 + self.total / max(count, 1))
                self.known[pk] = _Term(kind, key, name, count, weight)
        for post in posts:
            self.of[post] = {}
        for post, pk in rows:
            term, known = self.known[pk], self.of[post]
            if term.kind in Term.SUBJECTS and (term.key not in known or term.weight > known[term.key][1].weight):
                known[term.key] = (pk, term)
            if term.kind == Term.Kind.STACK:
                rarest = (term.listed_count, term.key)
                self.stack[post] = min(rarest, self.stack.get(post, rarest))
        for post in posts:
            self.length[post] = sqrt(sum(term.weight for _, term in self.of[post].values()))

    def rarest(self, post: int) -> list[int]:
        """Return the primary keys of the RAREST terms of `post` that other posts have too."""
        shared = [(term.listed_count, pk) for pk, term in self.of[post].values() if term.listed_count > 1]
        return [pk for _, pk in heapq.nsmallest(RAREST, shared)]


def _newest_with(terms: set[int], about: _Terms) -> Mapping[int, list[int]]:
    """Return {term: the NEWEST posts with it}: one query for rare terms, one index scan for each other one."""
    newest: dict[int, list[int]] = defaultdict(list)
    few = [term for term in terms if about.known[term].listed_count <= NEWEST]
    for term, post in PostTerm.objects.filter(term__in=few).order_by().values_list("term_id", "post_id"):
        newest[term].append(post)
    for term in terms - newest.keys():
        walk = PostTerm.objects.filter(term=term).order_by("-published_at", "-post")
        newest[term] = list(walk.values_list("post_id", flat=True)[:NEWEST])
    return newest


def _compared(post: int, about: _Terms, newest: Mapping[int, list[int]]) -> set[int]:
    """Return the posts to weigh against `post`."""
    terms = about.rarest(post)
    found: dict[int, float] = defaultdict(float)
    for term in terms:
        weight = about.known[term].weight
        for other in newest[term]:
            found[other] += weight
    found.pop(post, None)
    best = set(heapq.nlargest(BEST, found, key=lambda other: (found[other], other)))
    for term in terms:
        best.update(heapq.nlargest(NEWEST_WEIGHED, newest[term]))
    return best - {post}


def _weighed(post: int, others: Iterable[int], about: _Terms) -> list[tuple[float, int]]:
    """Return [(similarity, other)] of the similar posts, most similar first; of equal ones the later post."""
    mine, length = about.of[post], about.length[post]
    common = max(ALWAYS_RARE, about.total * COMMON_SHARE)
    found = []
    for other in others:
        both = [mine[key][1] for key in mine.keys() & about.of[other].keys()]
        if any(term.listed_count <= common for term in both):
            found.append((sum(term.weight for term in both) / (length * about.length[other]), other))
    return sorted(found, reverse=True)


def _near_duplicates_of(posts: Iterable[int]) -> Mapping[int, set[int]]:
    """Return {post: set of its near-duplicates}."""
    near_duplicates: dict[int, set[int]] = defaultdict(set)
    posts = sorted(posts)
    for at in range(0, len(posts), MAX_KEYS):
        rows = TextTwin.objects.filter(post__in=posts[at : at + MAX_KEYS]).order_by()
        for post, twin in rows.values_list("post_id", "twin_id"):
            near_duplicates[post].add(twin)
    return near_duplicates


def _chosen(
    post: int, weighed: Iterable[tuple[float, int]], about: _Terms, near_duplicates: Mapping[int, set[int]]
) -> Related:
    """Return [(related post, shared names)] of `post`, without near-duplicates and with few of one stack."""
    chosen: Related = []
    stacks: Counter[tuple[int, str] | None] = Counter()
    repeated = set(near_duplicates[post])
    for _, other in weighed:
        stack = about.stack.get(other)
        if other in repeated or (stack is not None and stacks[stack] == MOST_OF_A_STACK):
            continue
        stacks[stack] += 1
        repeated |= near_duplicates[other]
        chosen.append((other, _shared_names(about.of[post], about.of[other])))
        if len(chosen) == KEPT:
            break
    return chosen


def _shared_names(one: _TermsOfPost, other: _TermsOfPost) -> list[str]:
    """Return the names of what both are about, rarest first."""
    both = (one[key][1] for key in one.keys() & other.keys())
    return told_apart([term.name for term in sorted(both, key=lambda term: (-term.weight, term.key))])[:MAX_SHARED]


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names without those that are part of another one, as whole words: "Go" beside "Go services"."""
    padded = [f" {' '.join(_WORDS.findall(name.casefold()))} " for name in names]
    return [
        name
        for name, words in zip(names, padded, strict=True)
        if not any(words in other and words != other for other in padded)
    ]
