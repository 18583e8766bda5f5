"""Findings stored per text, computed in sets in the background: a queue reads a hundred thousand at once."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from posts.content_checks.registry import Finding, Results, Unread, checks_key, results
from posts.content_checks.residue import WIKI_LINK
from posts.models import CheckResult, HoldReason, Post, Revision, SourcePlace, TextSketch
from posts.related.near_duplicates import near_duplicates_of
from posts.rendering.file_links import is_file_link, kind_of, written
from posts.rendering.markdown import links_in

CHUNK = 200
# Not a check of one record: finding it takes all other posts.
NEAR_DUPLICATES = "text-repeats"
# Not a check either: only the import saw the whole file.
UNREAD_HEAD = "unread-head"
# Nor this: only the import knows the other files.
SOURCE_LINKS = "source-links"
SHOWN_LINKS = 5
_MAX_COUNT = 32_767


@dataclass(frozen=True)
class NearDuplicateFinding(Finding):
    """A near-duplicate of the post; it is looked up each time. near_duplicate: the primary key of the other post."""

    near_duplicate: int = 0


def results_of(revision: Revision) -> Results:
    """Return ([Finding], [Unread]) of a Revision: stored, else computed now. Writes nothing, so a GET may call it.

    A check that failed in the background runs again: it may have been repaired since.
    """
    stored = CheckResult.objects.filter(fingerprint=revision.fingerprint, checks_key=checks_key()).first()
    if stored is None or any(result.get("failed") for result in stored.findings):
        return results(revision.snapshot)
    found = [Finding(**finding) for finding in stored.findings if "stops" in finding]
    return found, [Unread(**unread) for unread in stored.findings if "stops" not in unread]


def results_of_post(post: Post) -> Results:
    """Return ([Finding], [Unread]) of the proposed text of a post, with those that no single text has."""
    found, unread = results_of(post.head_revision)
    if _wiki_links_lead_on(post):
        found = [finding for finding in found if finding.check != "residue-markup" or WIKI_LINK not in finding.message]
    return [*found, *findings_beside_text(post)], [*unread, *uncompared(post)]


def findings_beside_text(post: Post) -> list[Finding]:
    """Return the [Finding] that no check of one record makes.

    These are front matter that an import could not read, links to files that are no posts here, and near-duplicates
    from the last comparison.
    """
    return [*_unread_head(post), *_links_to_nowhere(post), *near_duplicate_findings(post)]


def _links_to_nowhere(post: Post) -> list[Finding]:
    """Return a Finding for the links of the proposed text that mean posts, and lead to none."""
    found = dict(post.source_links.values_list("address", "target"))
    is_placed = SourcePlace.objects.filter(post=post.pk).exists()
    lost = [
        address
        for address in links_in(post.head_revision.snapshot)
        # A wiki link without a post stays text, which has its own check; elsewhere `/x/` may be a page of this site.
        if not found.get(address) and not address.startswith("[[") and kind_of(address)
        if is_placed or is_file_link(address)
    ]
    if not lost:
        return []
    named = ", ".join(f"“{written(address)[:80]}”" for address in lost[:SHOWN_LINKS])
    more = f" and {len(lost) - SHOWN_LINKS} more" if len(lost) > SHOWN_LINKS else ""
    links = "This link leads" if len(lost) == 1 else f"{len(lost)} links lead"
    message = f"{links} to no post here: {named}{more}. Import the file, or change the link."
    return [Finding(SOURCE_LINKS, message, stops=False, pointer="/body", count=len(lost))]


def _wiki_links_lead_on(post: Post) -> bool:
    """Return whether every wiki link of a post leads to a post."""
    targets = post.source_links.filter(address__startswith="[[").values_list("target", flat=True)
    return bool(targets) and all(targets)


def _unread_head(post: Post) -> list[Finding]:
    """Return a Finding while the first line of unread front matter is still in the proposed text."""
    details = post.holds.filter(reason=HoldReason.UNREAD).values_list("detail", flat=True)
    line = "".join(details).partition(": ")[2]
    if not line or line not in post.head_revision.snapshot.get("body", ""):
        return []
    message = (
        f"The text begins with lines that look like front matter but were not imported (“{line[:80]}”). Enter them in "
        f"the matching fields, and delete them from the text."
    )
    return [Finding(UNREAD_HEAD, message, stops=False, pointer="/body")]


def uncompared(post: Post) -> list[Unread]:
    """Return [Unread] while the background has not compared the proposed text with other posts."""
    if TextSketch.objects.filter(post=post.pk, fingerprint=post.head_revision.fingerprint).exists():
        return []
    return [Unread("Not compared with other posts yet.", NEAR_DUPLICATES)]


def near_duplicate_findings(post: Post) -> list[Finding]:
    """Return a Finding for each near-duplicate; none for a text that was just saved."""
    if uncompared(post):
        return []
    return [
        NearDuplicateFinding(
            NEAR_DUPLICATES,
            f"The text is a near-duplicate of “{twin.twin.title[:80]}” ({twin.twin.source_id}): "
            f"{round(twin.similarity * 100)} % the same. Compare the two posts and keep one.",
            stops=False,
            near_duplicate=twin.twin_id,
        )
        for twin in near_duplicates_of(post, limit=5)
    ]


def check_revisions(ids: Iterable[int]) -> int:
    """Store the findings of the Revisions with these primary keys that have none; return their number.

    Works in sets of CHUNK, each its own transaction. Running it twice, even at once, has the same result.
    """
    key, made = checks_key(), 0
    ids = list(ids)
    for at in range(0, len(ids), CHUNK):
        wanted = dict(Revision.objects.filter(pk__in=ids[at : at + CHUNK]).values_list("fingerprint", "pk"))
        known = CheckResult.objects.filter(checks_key=key, fingerprint__in=wanted).values_list("fingerprint", flat=True)
        for fingerprint in known:
            del wanted[fingerprint]
        texts = Revision.objects.filter(pk__in=wanted.values()).values_list("fingerprint", "snapshot")
        rows = [
            _result(fingerprint, key, *results(snapshot)) for fingerprint, snapshot in texts.iterator(chunk_size=20)
        ]
        CheckResult.objects.bulk_create(rows, ignore_conflicts=True)
        made += len(rows)
    return made


def _result(fingerprint: str, key: str, found: Iterable[Finding], unread: Iterable[Unread]) -> CheckResult:
    def count(*checks: str) -> int:
        return min(_MAX_COUNT, sum(finding.count for finding in found if finding.check in checks))

    claims = {finding.check for finding in found if finding.check.startswith("claim-")}
    return CheckResult(
        fingerprint=fingerprint,
        checks_key=key,
        findings=[*map(asdict, found), *map(asdict, unread)],
        stops=min(_MAX_COUNT, sum(finding.count for finding in found if finding.stops)),
        advises=min(_MAX_COUNT, sum(finding.count for finding in found if not finding.stops)),
        broken_code=count("code-syntax"),
        # Both checks may name the same image, so the larger number is the least number of incomplete images.
        unsourced_images=max(count("image-source"), count("image-licence")),
        contradicted_claims=len(claims),
    )
