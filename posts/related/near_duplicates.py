"""Near-duplicates: posts whose texts repeat each other.

The measure is the Jaccard index of two texts' word shingles (runs of SHINGLE words, small letters, intro and body).
Paragraphs that stand in many posts are boilerplate and do not count. Texts that may be alike are found by MinHash
signatures cut into bands; each pair is then measured exactly.

Sources: A. Broder, "On the resemblance and containment of documents", 1997 (shingles, MinHash); P. Li, A. Owen, C.-H.
Zhang, "One Permutation Hashing", 2012, with A. Shrivastava, "Optimal Densification for Fast and Accurate Minwise
Hashing", 2017 (one hash a shingle instead of one for each number of the signature); J. Leskovec, A. Rajaraman,
J. Ullman, "Mining of Massive Datasets", ch. 3 (banding).
"""

import re
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.db.models import BooleanField, Case, Count, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Length

from posts.db.prepared_query import prepared
from posts.models import ParagraphCount, Post, Revision, SketchBand, TextSketch, TextTwin
from posts.records.schema import RecordDict

SHINGLE = 5
# Without boilerplate. A text that is 0.8 of another as a whole reaches between 0.7 and 0.8.
MIN_SIMILARITY = 0.7
BANDS, ROWS = 20, 5  # two texts of similarity 0.8 share a band with 99.96 %, of 0.7 with 97 %, of 0.3 with 5 %
NUMBERS = BANDS * ROWS
# A paragraph in so many posts is boilerplate.
BOILERPLATE_POSTS = 20
# A text with fewer shingles left counts as a whole: one of boilerplate alone is still a near-duplicate.
MIN_SHINGLES = 30
# The most posts in one band: a text that a thousand posts share needs no thousand candidates.
MAX_BAND_POSTS = 50
# The average error of an estimate is 0.046 (the square root of J (1 - J) / 100) at 0.7.
MIN_ESTIMATE = 0.55
# Further paragraphs of a text never count as boilerplate.
MAX_PARAGRAPHS = 1_000
CHUNK = 200
# Shingles take a hundred times the memory of their text, so this limits what is in memory at once.
BATCH_CHARACTERS = 250_000
# The most keys in one query.
MAX_KEYS = 5_000

_WORD = re.compile(r"\w+")
_MASK = 2**64 - 1
_EMPTY = 2**32 - 1
# Two posts by primary key, the smaller first; the word shingles of a text; the numbers of signature_of().
Pair = tuple[int, int]
Shingles = set[tuple[str, ...]]
Signature = Sequence[int]


class SketchedText:
    """The words of a record by paragraph, ready for shingling."""

    def __init__(self, record: RecordDict, fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        text = f"{record.get('intro', '')}\n\n{record['body']}".casefold()
        paragraphs = (_WORD.findall(part) for part in text.split("\n\n"))
        self.paragraphs = [words for words in paragraphs if words]
        # Headings and other short paragraphs may be equal by chance.
        self.keys = [
            _key(" ".join(words).encode()) if len(words) >= SHINGLE and number < MAX_PARAGRAPHS else None
            for number, words in enumerate(self.paragraphs)
        ]

    @property
    def counted(self) -> set[int]:
        """The keys of the paragraphs that can be boilerplate, each once."""
        return {key for key in self.keys if key is not None}

    def shingles(self, boilerplate: Set[int] = frozenset()) -> Shingles:
        """Return the set of word shingles (tuples) without the paragraphs in `boilerplate`.

        Without enough shingles left, return those of the whole text.
        """
        if boilerplate and not boilerplate.isdisjoint(self.keys):
            kept = [words for words, key in zip(self.paragraphs, self.keys, strict=True) if key not in boilerplate]
            shingles = _shingles(word for words in kept for word in words)
            if len(shingles) >= MIN_SHINGLES:
                return shingles
        return _shingles(word for words in self.paragraphs for word in words)


def _shingles(words: Iterable[str]) -> Shingles:
    words = list(words)
    if len(words) <= SHINGLE:
        return {tuple(words)} if words else set()
    return set(zip(*(words[start:] for start in range(SHINGLE)), strict=False))


def _key(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def jaccard(one: Set[Any], other: Set[Any]) -> float:
    """Return the Jaccard index of two sets, 0 to 1; 0 for two empty ones. Source: P. Jaccard, 1912."""
    together = len(one & other)
    return together / (len(one) + len(other) - together) if together else 0.0


def signature_of(shingles: Shingles) -> list[int]:
    """Return NUMBERS numbers of 32 bits; the probability that two sets agree at a place is their Jaccard index."""
    numbers = [_EMPTY] * NUMBERS
    for code in map(zlib.crc32, map(str.encode, map(" ".join, shingles))):
        # Fibonacci hashing (Knuth, vol. 3, 6.4): the high half is the place, the low half the number.
        mixed = code * 0x9E3779B97F4A7C15 & _MASK
        place, value = (mixed >> 34) % NUMBERS, mixed & 0xFFFFFFFF
        if value < numbers[place]:
            numbers[place] = value
    if _EMPTY in numbers and any(number != _EMPTY for number in numbers):
        filled = list(numbers)
        for place, number in enumerate(numbers):
            attempt = 0
            while number == _EMPTY:
                attempt += 1
                number = numbers[zlib.crc32(b"%d:%d" % (place, attempt)) % NUMBERS]
            filled[place] = number
        return filled
    return numbers


def band_keys(signature: Signature) -> list[int]:
    """Return BANDS numbers of 64 bits, one for each run of ROWS numbers of a signature."""
    return [
        _key(struct.pack(f"<{ROWS + 1}I", band, *signature[band * ROWS : (band + 1) * ROWS])) for band in range(BANDS)
    ]


def _agreement(one: Signature, other: Signature) -> float:
    return sum(a == b for a, b in zip(one, other, strict=True)) / NUMBERS


def sketch_posts(ids: Iterable[int]) -> int:
    """Update sketches and near-duplicates of the posts with these keys; return how many texts were new.

    Works in sets of at most BATCH_CHARACTERS. Running it again does nothing for texts that have a sketch. Any number
    of workers may call it at once: each first stores what finds its own texts, and then looks for others. So of two
    near-duplicates that are read at the same moment, the later one finds the pair.
    """
    ids, made = list(ids), 0
    for at in range(0, len(ids), CHUNK):
        # Most posts of a scan have a sketch already: this finds out without a lock, so that no editor waits.
        stale, _ = _stale(Post.objects.filter(pk__in=ids[at : at + CHUNK]))
        for part in _parts(stale):
            made += _sketch_texts(_texts_of(part))
    return made


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield `ids` in lists of BATCH_CHARACTERS of text, or of one longer text."""
    part: list[int] = []
    size = 0
    lengths = Post.objects.filter(pk__in=ids).order_by("pk").values_list("pk", Length("head_revision__snapshot"))
    for pk, length in lengths:
        if part and size + length > BATCH_CHARACTERS:
            yield part
            part, size = [], 0
        part.append(pk)
        size += length
    if part:
        yield part


def _stale(posts: QuerySet[Post]) -> tuple[dict[int, str], dict[int, tuple[int, ...]]]:
    """Return ({post pk: fingerprint} of proposed texts without a sketch, {post pk: its old paragraph keys})."""
    heads = dict(posts.filter(head_revision__isnull=False).values_list("pk", "head_revision__fingerprint"))
    sketches = TextSketch.objects.filter(pk__in=heads).values_list("pk", "fingerprint", "paragraphs")
    before = {pk: _unpacked(paragraphs) for pk, fingerprint, paragraphs in sketches if heads[pk] != fingerprint}
    known = {pk for pk, _, _ in sketches} - before.keys()
    return {pk: fingerprint for pk, fingerprint in heads.items() if pk not in known}, before


def _sketch_texts(texts: dict[int, SketchedText]) -> int:
    """Write sketches, bands and near-duplicates of {post pk: SketchedText}; return how many were new.

    A sketch gets its fingerprint at the end: without it, it counts as missing, and the next run begins again.
    """
    new = _count_texts(texts)
    boilerplate = _boilerplate(new.values())
    shingles = {pk: text.shingles(boilerplate) for pk, text in new.items()}
    signatures = {pk: signature_of(found) for pk, found in shingles.items() if found}
    stored = {pk: struct.pack(f"<{NUMBERS}I", *signatures.get(pk, [_EMPTY] * NUMBERS)) for pk in new}
    fingerprints = {pk: text.fingerprint for pk, text in new.items()}
    pairs = _candidates(signatures, stored, fingerprints)
    measured = _measured(_likely(pairs, signatures), shingles, fingerprints)
    found = [(a, b, similarity) for a, b, similarity in measured if similarity >= MIN_SIMILARITY]
    return _store_near_duplicates(found, fingerprints, stored)


@transaction.atomic
def _count_texts(texts: dict[int, SketchedText]) -> dict[int, SketchedText]:
    """Count the paragraphs of texts, forget what was stored of earlier ones; return those that are still wanted."""
    left = set(TextTwin.objects.filter(post__in=texts).values_list("twin", flat=True))
    _locked_heads({*texts, *left})
    heads, before = _stale(Post.objects.filter(pk__in=texts))
    new = {pk: text for pk, text in texts.items() if heads.get(pk) == text.fingerprint}
    known = before.keys() & new.keys()
    if known:
        SketchBand.objects.filter(post__in=known).delete()
        TextTwin.objects.filter(post__in=known).delete()
        TextTwin.objects.filter(twin__in=known).delete()
        _mark_first(left)
    _count_paragraphs({pk: (before.get(pk, ()), text.counted) for pk, text in new.items()})
    TextSketch.objects.bulk_create(
        [
            TextSketch(
                post_id=pk,
                fingerprint="",
                signature=b"",
                paragraphs=struct.pack(f"<{len(text.counted)}q", *sorted(text.counted)),
            )
            for pk, text in new.items()
        ],
        update_conflicts=True,
        update_fields=["fingerprint", "signature", "paragraphs"],
        unique_fields=["post"],
    )
    return new


def _batches(ids: Iterable[int]) -> Iterator[dict[int, SketchedText]]:
    """Yield {post pk: SketchedText} of the proposed texts, in parts of BATCH_CHARACTERS or of one longer text."""
    for part in _parts(ids):
        yield _texts_of(part)


def _texts_of(ids: Iterable[int]) -> dict[int, SketchedText]:
    """Return {post pk: SketchedText} of the proposed texts."""
    rows = Post.objects.filter(pk__in=ids, head_revision__isnull=False).order_by("pk")
    columns = rows.values_list("pk", "head_revision__fingerprint", "head_revision__snapshot")
    return {pk: SketchedText(snapshot, fingerprint) for pk, fingerprint, snapshot in columns.iterator(chunk_size=20)}


def _unpacked(data: bytes | memoryview) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}q", bytes(data))


def _count_paragraphs(changes: Mapping[int, tuple[Iterable[int], Iterable[int]]]) -> None:
    """Update the number of posts with each paragraph.

    changes: {post: (paragraph keys before, paragraph keys now)}; a post counts once for a paragraph.
    """
    steps: Counter[int] = Counter()
    for old, new in changes.values():
        steps.update(set(new) - set(old))
        steps.subtract(set(old) - set(new))
    for sign in (1, -1):
        # In one order: two workers that count the same paragraphs may wait for each other, but never deadlock.
        rows = sorted((key, abs(step)) for key, step in steps.items() if step * sign > 0)
        for at in range(0, len(rows), 1000):
            _upsert(rows[at : at + 1000], "+" if sign > 0 else "-")


def _upsert(rows: Sequence[tuple[int, int]], sign: str) -> None:
    table = connection.ops.quote_name(ParagraphCount._meta.db_table)
    marks = ", ".join(["(%s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        if sign == "+":
            cursor.execute(
                f"INSERT INTO {table} (key, posts) VALUES {marks} "  # noqa: S608 (our own names)
                f"ON CONFLICT (key) DO UPDATE SET posts = {table}.posts + excluded.posts",
                [value for row in rows for value in row],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET posts = posts - %s WHERE key = %s AND posts >= %s",  # noqa: S608
                [(step, key, step) for key, step in rows],
            )


def _boilerplate(texts: Iterable[SketchedText]) -> set[int]:
    keys = sorted({key for text in texts for key in text.counted})
    common = ParagraphCount.objects.filter(posts__gte=BOILERPLATE_POSTS)
    return {
        key
        for at in range(0, len(keys), MAX_KEYS)
        for key in common.filter(key__in=keys[at : at + MAX_KEYS]).values_list("key", flat=True)
    }


def _candidates(
    signatures: Mapping[int, Signature], stored: Mapping[int, bytes], fingerprints: Mapping[int, str]
) -> set[Pair]:
    """Return {(smaller pk, larger pk)} that share a band, among `signatures` and stored ones.

    Stores their bands first, with the signatures in bytes: who looks later finds them.
    """
    bands: dict[int, list[int]] = defaultdict(list)
    for pk, signature in signatures.items():
        for key in band_keys(signature):
            bands[key].append(pk)
    full = SketchBand.objects.filter(key__in=bands).order_by().values_list("key").annotate(Count("post"))
    room = {key: max(0, MAX_BAND_POSTS - count) for key, count in full}
    with transaction.atomic():
        same = {pk for pk, now in _locked_heads(stored).items() if now == fingerprints[pk]}
        TextSketch.objects.bulk_update([TextSketch(pk=pk, signature=stored[pk]) for pk in same], ["signature"])
        rows = ((key, pk) for key, mine in bands.items() for pk in mine[: room.get(key, MAX_BAND_POSTS)] if pk in same)
        _insert_bands(sorted(rows))
    standing: dict[int, list[int]] = defaultdict(list)
    for key, pk in SketchBand.objects.filter(key__in=bands).values_list("key", "post_id"):
        standing[key].append(pk)
    pairs: set[Pair] = set()
    for key, mine in bands.items():
        others = [pk for pk in standing[key] if pk not in signatures][:MAX_BAND_POSTS]
        for index, pk in enumerate(mine):
            pairs.update((min(pk, other), max(pk, other)) for other in (*others, *mine[:index][:MAX_BAND_POSTS]))
    return pairs


def _insert_bands(rows: Sequence[tuple[int, int]]) -> None:
    table = connection.ops.quote_name(SketchBand._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*rows, strict=True)] or [[], []]
            rows_sql = "SELECT * FROM unnest(%s::bigint[], %s::bigint[])"
            cursor.execute(f"INSERT INTO {table} (key, post_id) {rows_sql} ON CONFLICT DO NOTHING", columns)
        else:
            cursor.executemany(f"INSERT INTO {table} (key, post_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", rows)  # noqa: S608


@transaction.atomic
def _store_near_duplicates(
    found: list[tuple[int, int, float]], fingerprints: Mapping[int, str], stored: Mapping[int, bytes]
) -> int:
    """Store pairs from both sides, and that texts are compared now; return how many. Skip texts that have changed.

    fingerprints: {post: of the text that was compared}. stored: {post: its signature in bytes}.
    """
    involved = {*stored, *(pk for a, b, _ in found for pk in (a, b))}
    same = {pk for pk, now in _locked_heads(involved).items() if now == fingerprints.get(pk)}
    ours = TextSketch.objects.filter(pk__in=same & stored.keys(), fingerprint="")
    # Another worker that began again with the same text has taken the signature away.
    done = [pk for pk, signature in ours.values_list("pk", "signature") if bytes(signature) == stored[pk]]
    TextSketch.objects.bulk_update([TextSketch(pk=pk, fingerprint=fingerprints[pk]) for pk in done], ["fingerprint"])
    near_duplicates = [
        TextTwin(post_id=one, twin_id=other, similarity=similarity)
        for a, b, similarity in found
        if {a, b} <= same
        for one, other in ((a, b), (b, a))
    ]
    TextTwin.objects.bulk_create(near_duplicates, ignore_conflicts=True, batch_size=1000)
    _mark_first({near_duplicate.post_id for near_duplicate in near_duplicates})
    return len(done)


def _locked_heads(posts: Iterable[int]) -> dict[int, str]:
    """Lock posts, in one order, and return {primary key: fingerprint of the proposed text}."""
    rows = Post.objects.filter(pk__in=posts).order_by("pk")
    list(rows.select_for_update().values_list("pk"))
    return dict(rows.filter(head_revision__isnull=False).values_list("pk", "head_revision__fingerprint"))


def _mark_first(posts: Iterable[int]) -> None:
    """Mark for each of these posts the earliest one that it repeats: the cluster to which it belongs."""
    posts = sorted(posts)
    earliest = TextTwin.objects.filter(post=OuterRef("post")).order_by("twin").values("twin")[:1]
    is_first = Case(
        When(twin=Subquery(earliest), twin__lt=F("post"), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    for at in range(0, len(posts), MAX_KEYS):
        TextTwin.objects.filter(post__in=posts[at : at + MAX_KEYS]).update(is_first=is_first)


def _likely(pairs: set[Pair], signatures: Mapping[int, Signature]) -> list[Pair]:
    """Return the pairs whose signatures, those given or those that are stored, are enough alike.

    Also those of texts whose signatures another worker is storing again.
    """
    foreign = {pk for pair in pairs for pk in pair if pk not in signatures}
    stored = TextSketch.objects.filter(pk__in=foreign).exclude(signature=b"").values_list("pk", "signature")
    known = {**signatures, **{pk: struct.unpack(f"<{NUMBERS}I", bytes(signature)) for pk, signature in stored}}
    return [
        (a, b) for a, b in pairs if a not in known or b not in known or _agreement(known[a], known[b]) >= MIN_ESTIMATE
    ]


def _measured(
    pairs: list[Pair], shingles: dict[int, Shingles], fingerprints: dict[int, str]
) -> Iterator[tuple[int, int, float]]:
    """Yield each pair with its exact similarity; texts that are not among `shingles` are read, some at a time.

    Adds the fingerprints of texts that it reads to `fingerprints`.
    """
    partners = defaultdict(list)
    for a, b in pairs:
        if a in shingles and b in shingles:
            yield a, b, jaccard(shingles[a], shingles[b])
        else:
            partners[b if a in shingles else a].append(a if a in shingles else b)
    for texts in _batches(partners):
        boilerplate = _boilerplate(texts.values())
        for pk, text in texts.items():
            fingerprints[pk] = text.fingerprint
            other = text.shingles(boilerplate)
            for mine in partners[pk]:
                yield mine, pk, jaccard(shingles[mine], other)


# So many near-duplicates of a post a page shows at most.
MOST_SHOWN = 10


def near_duplicates_of(post: Post, limit: int = MOST_SHOWN) -> list[TextTwin]:
    """Return at most `limit` [TextTwin] of a post with titles and ids of the others, most similar first.

    Empty for a post that the background has not compared yet.
    """
    return _near_duplicates.objects(post=post.pk)[:limit]


@prepared(post=int)
def _near_duplicates(post: int) -> QuerySet[TextTwin]:
    found = (
        TextTwin.objects.filter(post=post).select_related("twin").only("similarity", "twin__source_id", "twin__title")
    )
    return found.order_by("-similarity", "twin")[:MOST_SHOWN]


def near_duplicates_that_count() -> QuerySet[TextTwin]:
    """Filter to the TextTwins whose post is the later one of the two: it repeats what another post says already.

    A post that readers see comes before one that they don't see, and the smaller number before the larger one. A post
    that is withdrawn or rejected is repeated by nobody.
    """
    is_first = Q(twin__lt=F("post")) & ~Q(post__live_revision__isnull=False, twin__live_revision=None)
    is_seen_first = Q(twin__live_revision__isnull=False, post__live_revision=None)
    is_rejected = Q(twin__live_revision=None, twin__head_revision__status=Revision.Status.REJECTED)
    return TextTwin.objects.filter(is_first | is_seen_first, twin__withdrawn_at=None).exclude(is_rejected)


def near_duplicate_counts(posts: Iterable[Post]) -> dict[int, tuple[int, float]]:
    """Return {post pk: (number of near-duplicates, highest similarity)} of a page of posts, in one query."""
    rows = TextTwin.objects.filter(post__in=posts).values_list("post").annotate(Count("pk"), Max("similarity"))
    return {pk: (count, highest) for pk, count, highest in rows.order_by()}
