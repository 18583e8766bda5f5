"""Findings kept per text, made in sets in the background: a queue asks for a hundred thousand of them at once."""

from dataclasses import asdict

from posts.checks.registry import Finding, checks_key, findings
from posts.models import CheckResult, Revision, TextSketch
from posts.twins import twins_of

CHUNK = 200
# No check of one record: it takes all other posts to find it.
TEXT_REPEATS = "text-repeats"
_MAX_COUNT = 32_767


def findings_of(revision):
    """[Finding] of a Revision: as stored, else computed on the spot. Writes nothing, so a GET may ask."""
    stored = CheckResult.objects.filter(fingerprint=revision.fingerprint, checks_key=checks_key()).first()
    if stored is None:
        return findings(revision.snapshot)
    return [Finding(**finding) for finding in stored.findings]


def findings_of_post(post):
    """[Finding] about the proposed text of a post: findings_of() and what other posts it repeats, as last compared."""
    return [*findings_of(post.head_revision), *repeated_posts(post)]


def repeated_posts(post):
    """A Finding for each post whose text this one repeats; made in the background, so none for a text just saved."""
    if not TextSketch.objects.filter(post=post.pk, fingerprint=post.head_revision.fingerprint).exists():
        return []
    return [
        Finding(
            TEXT_REPEATS,
            f"The text repeats “{twin.twin.title[:80]}” ({twin.twin.source_id}), {twin.similarity:.2f} of 1. "
            "Compare the two, and keep one.",
            stops=False,
        )
        for twin in twins_of(post, limit=5)
    ]


def check_revisions(ids):
    """Store the findings of the Revisions with these primary keys that have none; return how many were made.

    Works in sets of CHUNK, each its own transaction; run twice at once or again, it comes out the same.
    """
    key, made = checks_key(), 0
    ids = list(ids)
    for at in range(0, len(ids), CHUNK):
        wanted = dict(Revision.objects.filter(pk__in=ids[at : at + CHUNK]).values_list("fingerprint", "pk"))
        known = CheckResult.objects.filter(checks_key=key, fingerprint__in=wanted).values_list("fingerprint", flat=True)
        for fingerprint in known:
            del wanted[fingerprint]
        texts = Revision.objects.filter(pk__in=wanted.values()).values_list("fingerprint", "snapshot")
        results = [
            _result(fingerprint, key, findings(snapshot)) for fingerprint, snapshot in texts.iterator(chunk_size=20)
        ]
        CheckResult.objects.bulk_create(results, ignore_conflicts=True)
        made += len(results)
    return made


def _result(fingerprint, key, found):
    def count(*checks):
        return min(_MAX_COUNT, sum(finding.count for finding in found if finding.check in checks))

    claims = {finding.check for finding in found if finding.check.startswith("claim-")}
    return CheckResult(
        fingerprint=fingerprint,
        checks_key=key,
        findings=[asdict(finding) for finding in found],
        stops=min(_MAX_COUNT, sum(finding.count for finding in found if finding.stops)),
        advises=min(_MAX_COUNT, sum(finding.count for finding in found if not finding.stops)),
        broken_code=count("code-syntax"),
        # The two checks may name one image: the larger number is how many lack something at the least.
        unsourced_images=max(count("image-source"), count("image-licence")),
        contradicted_claims=len(claims),
    )
