"""Findings stored per text and version of each check, computed in sets in the background.

A request reads them, and never computes again what a new version of a check would find.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from posts.content_checks.code import CODE_SYNTAX, BlockResult, block_results
from posts.content_checks.link_states import link_findings
from posts.content_checks.picture_states import picture_findings
from posts.content_checks.registry import (
    EARLIER,
    NOT_YET,
    Check,
    Finding,
    Results,
    Unread,
    check_keys,
    checks_key,
    in_order,
    registered_checks,
    results_of_checks,
)
from posts.content_checks.residue import WIKI_LINK
from posts.content_checks.text import CheckedText
from posts.db.prepared_query import prepared
from posts.models import CheckResult, HoldReason, Post, Revision, SourcePlace, StyleException, TextSketch
from posts.records.schema import RecordDict
from posts.related.near_duplicates import near_duplicates_of
from posts.rendering.file_links import is_file_link, kind_of, may_link_to_files, written
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
# So long the previous release may return after an update, and finds its results.
KEPT = timedelta(days=1)
_COMPUTED = "versions findings code_blocks stops advises broken_code unsourced_images contradicted_claims".split()


@dataclass(frozen=True)
class NearDuplicateFinding(Finding):
    """A near-duplicate of the post; it is looked up each time. near_duplicate: the primary key of the other post."""

    near_duplicate: int = 0


@dataclass(frozen=True)
class Stored:
    """What the background has stored of a text, and the keys of today's checks."""

    rows: list[CheckResult]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, revision: Revision) -> "Stored":
        """Read what is stored of a Revision. A page that shows several parts of it reads it once."""
        return cls(_stored.objects(fingerprint=revision.fingerprint), check_keys())

    @property
    def best(self) -> CheckResult | None:
        """The row of today's checks, else the newest."""
        return _best_of(self.rows, checks_key(self.keys)) if self.rows else None


@prepared(fingerprint=str)
def _stored(fingerprint: str) -> QuerySet[CheckResult]:
    return CheckResult.objects.filter(fingerprint=fingerprint).order_by("pk")


def results_of(revision: Revision, stored: Stored | None = None) -> Results:
    """Return ([Finding], [Unread]) of a Revision. Writes nothing, so a GET may call it. stored: if read already.

    They are those of the background. If it has read nothing of the text yet, the instant checks run now. If a check
    has changed since, its earlier findings are shown, and that a job checks the text again. Only instant checks that
    can prevent an approval run at once then, and those that failed: they may have been repaired.
    """
    return _results_of(revision, stored or Stored.of(revision), stopping_only=False)


def stopping_results_of(revision: Revision) -> Results:
    """Return the results of the checks that can prevent an approval, as results_of() does."""
    return _results_of(revision, Stored.of(revision), stopping_only=True)


def _results_of(revision: Revision, stored: Stored, *, stopping_only: bool) -> Results:
    checks = {check.id: check for check in registered_checks().values() if check.stops or not stopping_only}
    if (best := stored.best) is None:
        due = [check for check in checks.values() if check.is_instant]
        found, unread = results_of_checks(revision.snapshot, due)
        return in_order(found, [*unread, *(check.not_run() for check in checks.values() if not check.is_instant)])
    return _brought_up_to_date(best, revision.snapshot, checks, stored.keys)


def _brought_up_to_date(
    row: CheckResult, snapshot: RecordDict, checks: Mapping[str, Check], keys: Mapping[str, str]
) -> Results:
    """Return what a row has stored of `checks`, with what a request may add to it."""
    stored, gaps = _told(row.findings, checks)
    failed = {gap.check for gap in gaps if gap.failed}
    outdated = [check for check in checks.values() if row.versions.get(check.id) != keys[check.id]]
    due = [check for check in outdated if check.is_instant and (check.stops or check.id in failed)]
    run = {check.id for check in due}
    waits = [check for check in outdated if check.id not in run | failed]
    found, unread = results_of_checks(snapshot, due) if due else ([], [])
    found += [finding for finding in stored if finding.check not in run]
    unread += [gap for gap in gaps if gap.check not in run]
    unread += [check.not_run(EARLIER if check.id in row.versions else NOT_YET) for check in waits]
    return in_order(found, unread)


def block_results_of(stored: Stored) -> list[BlockResult] | None:
    """Return what the background read of each code block of a text, or None if it has not read them yet."""
    if (best := stored.best) is None or CODE_SYNTAX not in best.versions:
        return None
    return [BlockResult(**block) for block in best.code_blocks]


def _best_of(rows: Iterable[CheckResult], key: str) -> CheckResult:
    """Return the row of today's checks, else the newest; `rows` is not empty."""
    return max(rows, key=lambda row: (row.checks_key == key, row.pk))


def _versions_of(row: CheckResult, keys: Mapping[str, str]) -> dict[str, str]:
    """Return {id of a check: the key with which it read the text} of a row, without those that failed."""
    return {name: key for name, key in row.versions.items() if name in keys}


def _told(findings: Iterable[dict[str, Any]], checks: Collection[str]) -> tuple[list[Finding], list[Unread]]:
    """Return what a row has stored of these checks."""
    told = [stored for stored in findings if stored["check"] in checks]
    found = [Finding(**finding) for finding in told if "stops" in finding]
    return found, [Unread(**unread) for unread in told if "stops" not in unread]


def results_of_post(post: Post, stored: Stored | None = None) -> Results:
    """Return ([Finding], [Unread]) of the proposed text of a post, with those that no single text has.

    stored: of that text, if read already.
    """
    found, unread = without_exceptions(post, results_of(post.head_revision, stored))
    if any(_is_of_wiki_link(finding) for finding in found) and _wiki_links_lead_on(post):
        found = [finding for finding in found if not _is_of_wiki_link(finding)]
    beside, not_compared = _beside_text(post)
    return [*found, *beside], [*unread, *not_compared]


def stopping_results_of_post(post: Post) -> Results:
    """Return what can prevent an approval of the proposed text of a post."""
    return without_exceptions(post, stopping_results_of(post.head_revision))


def without_exceptions(post: Post, checked: Results) -> Results:
    """Return results without those of rules of the house style that a person has suppressed for this post."""
    found, unread = checked
    if not any(finding.rule for finding in found):
        return checked
    suppressed = set(StyleException.objects.filter(post=post.pk).values_list("rule__name", flat=True))
    return [finding for finding in found if finding.rule not in suppressed], unread


def findings_beside_text(post: Post) -> list[Finding]:
    """Return the [Finding] that no check of one record makes.

    These are front matter that an import could not read, links to files that are no posts here, links that checks
    found dead or moved, pictures that changed since the approval, and near-duplicates from the last comparison.
    """
    return _beside_text(post)[0]


def _beside_text(post: Post) -> Results:
    """Return ([Finding], [Unread]) that no check of one record makes."""
    not_compared = uncompared(post)
    twins = [] if not_compared else _near_duplicates(post)
    found = [
        *_unread_head(post),
        *_links_to_nowhere(post),
        *link_findings(post.head_revision.snapshot),
        *picture_findings(post),
        *twins,
    ]
    return found, not_compared


def _is_of_wiki_link(finding: Finding) -> bool:
    return finding.check == "residue-markup" and WIKI_LINK in finding.message


def _links_to_nowhere(post: Post) -> list[Finding]:
    """Return a Finding for the links of the proposed text that mean posts, and lead to none."""
    record = post.head_revision.snapshot
    is_placed = SourcePlace.objects.filter(post=post.pk).exists()
    if not is_placed and not any(may_link_to_files(record.get(part, "")) for part in ("intro", "body")):
        return []
    found = dict(post.source_links.values_list("address", "target"))
    lost = [
        address
        for address in links_in(record)
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
    return [] if uncompared(post) else _near_duplicates(post)


def _near_duplicates(post: Post) -> list[Finding]:
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


def check_revisions(ids: Iterable[int], *, failed_too: bool = False) -> int:
    """Store the findings of today's checks in the Revisions with these primary keys; return how many lacked them.

    Of a text that an earlier version of the checks has read, only the checks that changed read it again. failed_too:
    so do those that failed. Works in sets of CHUNK, each its own transaction. Running it twice, even at once, has the
    same result.
    """
    keys = check_keys()
    made = 0
    ids = list(ids)
    for at in range(0, len(ids), CHUNK):
        made += _check_set(ids[at : at + CHUNK], keys, failed_too=failed_too)
    return made


def _check_set(ids: Collection[int], keys: Mapping[str, str], *, failed_too: bool) -> int:
    key = checks_key(keys)
    wanted = dict(Revision.objects.filter(pk__in=ids).values_list("fingerprint", "pk"))
    known = CheckResult.objects.filter(checks_key=key, fingerprint__in=wanted)
    if failed_too:
        done = [row.fingerprint for row in known if len(_versions_of(row, keys)) == len(keys)]
    else:
        done = list(known.values_list("fingerprint", flat=True))
    for fingerprint in done:
        del wanted[fingerprint]
    if not wanted:
        return 0
    earlier: defaultdict[str, list[CheckResult]] = defaultdict(list)
    for row in CheckResult.objects.filter(fingerprint__in=wanted):
        earlier[row.fingerprint].append(row)
    texts = Revision.objects.filter(pk__in=wanted.values()).values_list("fingerprint", "snapshot")
    rows = []
    for fingerprint, snapshot in texts.iterator(chunk_size=20):
        before = earlier.get(fingerprint)
        rows.append(_result(fingerprint, snapshot, keys, _best_of(before, key) if before else None))
    CheckResult.objects.bulk_create(
        # In one order: two workers with the same texts may wait for each other, but never deadlock.
        sorted(rows, key=lambda row: row.fingerprint),
        update_conflicts=True,
        update_fields=_COMPUTED,
        unique_fields=["fingerprint", "checks_key"],
    )
    old = CheckResult.objects.filter(fingerprint__in=wanted, created_at__lt=timezone.now() - KEPT)
    old.exclude(checks_key=key).delete()
    return len(rows)


def _result(fingerprint: str, snapshot: RecordDict, keys: Mapping[str, str], before: CheckResult | None) -> CheckResult:
    """Return the row of a text: what `before` has of unchanged checks, and what the others find now."""
    checks = registered_checks()
    versions = _versions_of(before, keys) if before else {}
    due = [check for check in checks.values() if versions.get(check.id) != keys[check.id]]
    kept = set(checks) - {check.id for check in due}
    stored, gaps = _told(before.findings, kept) if before else ([], [])
    text = CheckedText(snapshot)
    new, unread = results_of_checks(snapshot, due, text)
    blocks = [asdict(block) for block in block_results(text)] if text.has_read_code else []
    found, unread = in_order([*stored, *new], [*gaps, *unread])
    failed = {gap.check for gap in unread if gap.failed}

    def count(*checks: str) -> int:
        return min(_MAX_COUNT, sum(finding.count for finding in found if finding.check in checks))

    claims = {finding.check for finding in found if finding.check.startswith("claim-")}
    return CheckResult(
        fingerprint=fingerprint,
        checks_key=checks_key(keys),
        versions={name: key for name, key in keys.items() if name not in failed},
        findings=[*map(asdict, found), *map(asdict, unread)],
        code_blocks=blocks if text.has_read_code or before is None else before.code_blocks,
        stops=min(_MAX_COUNT, sum(finding.count for finding in found if finding.stops)),
        advises=min(_MAX_COUNT, sum(finding.count for finding in found if not finding.stops)),
        broken_code=count(CODE_SYNTAX),
        # Both checks may name the same image, so the larger number is the least number of incomplete images.
        unsourced_images=max(count("image-source"), count("image-licence")),
        contradicted_claims=len(claims),
    )
