"""What became of the findings of each rule of the house style, by the decisions of this site."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from posts.models import CheckResult, Post, Review, StyleException, StyleRule
from posts.review_queue.check_weights import MEMORY, TURNED_DOWN, decisions_since


def count_style_findings(*, now: datetime | None = None, on_checkpoint: Callable[[], object] = lambda: None) -> None:
    """Store for each rule how many of its findings were fixed, left or suppressed.

    Fixed: the text was turned down, and the proposed text of the post now has no such finding. Left: it was approved
    with the finding. Suppressed: posts to which a reviewer said that the rule does not apply. It reads the decisions
    that weights count, in sets. on_checkpoint: called between sets, may raise.
    """
    fixed: Counter[str] = Counter()
    left: Counter[str] = Counter()
    if not StyleRule.objects.exists():
        return
    for decisions in decisions_since((now or timezone.now()) - MEMORY):
        _count_set([pk for pk, _, _ in decisions], fixed, left)
        on_checkpoint()
    suppressed = Counter(StyleException.objects.values_list("rule__name", flat=True))
    with transaction.atomic():
        for rule in StyleRule.objects.only("name", "fixed", "left", "suppressed"):
            counts = fixed[rule.name], left[rule.name], suppressed[rule.name]
            if counts != (rule.fixed, rule.left, rule.suppressed):
                rule.fixed, rule.left, rule.suppressed = counts
                rule.save(update_fields=["fixed", "left", "suppressed"])


def _count_set(decisions: Iterable[int], fixed: Counter[str], left: Counter[str]) -> None:
    """Add the findings of the texts of these decisions."""
    rows = list(
        Review.objects.filter(pk__in=decisions)
        .values_list("fingerprint", "outcome", "revision__post_id")
        .order_by("pk")
    )
    posts = {post for _, _, post in rows}
    heads = dict(Post.objects.filter(pk__in=posts).values_list("pk", "head_revision__fingerprint"))
    rules_of = _rules_with_findings({fingerprint for fingerprint, _, _ in rows} | set(filter(None, heads.values())))
    exceptions = set(StyleException.objects.filter(post__in=posts).values_list("post_id", "rule__name"))
    for fingerprint, outcome, post in rows:
        for name in rules_of.get(fingerprint, ()):
            if (post, name) in exceptions:
                continue
            head = heads.get(post)
            if outcome not in TURNED_DOWN:
                left[name] += 1
            elif head != fingerprint and head in rules_of and name not in rules_of[head]:
                fixed[name] += 1


def _rules_with_findings(fingerprints: Iterable[str]) -> dict[str, set[str]]:
    """Return {fingerprint: names of the rules that found something} of the texts with stored results, the newest."""
    rows = CheckResult.objects.filter(fingerprint__in=set(fingerprints)).order_by("pk")
    stored = rows.values_list("fingerprint", "findings")
    return {fingerprint: {told["rule"] for told in findings if told.get("rule")} for fingerprint, findings in stored}
