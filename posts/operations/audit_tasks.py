"""Jobs of the audit trail: they seal its entries, keep its head elsewhere, verify it and remove what is too old."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings

from posts.audit.chain import Verification, head_of_chain, note_verification, seal_entries, shorten_trail
from posts.audit.heads import add_head
from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.outbox.webhooks import announce_head

NAMED = 20


@job("seal the audit trail", label="Seal the audit trail", every=timedelta(minutes=5))
def seal_audit_trail() -> None:
    """Add new entries of the audit trail to its chain."""
    seal_entries(on_chunk=stop_if_asked)


@job("keep the head of the audit trail", label="Keep the head of the audit trail elsewhere", every=timedelta(days=1))
def keep_head() -> None:
    """Add the head of the chain to AUDIT_HEAD_FILE, and tell the receivers of webhooks."""
    seal_entries(on_chunk=stop_if_asked)
    if head := head_of_chain():
        if settings.AUDIT_HEAD_FILE:
            add_head(Path(settings.AUDIT_HEAD_FILE), head)
        announce_head(head.sequence, head.digest)


@job("verify the audit trail", label="Verify the audit trail", every=timedelta(days=7), attempts=1, lease_seconds=600)
def verify_audit_trail() -> None:
    """Compare the audit trail with its chain; fail if an entry was changed, removed or inserted."""
    seal_entries(on_chunk=stop_if_asked)
    verification = Verification()
    head, problems = head_of_chain(), []
    for problem in verification.problems():
        stop_if_asked()
        problems.append(problem)
    note_verification(head.sequence if head else 0, len(problems))
    if problems:
        words = "; ".join(str(problem) for problem in problems[:NAMED])
        raise RuntimeError(f"The audit trail has {len(problems):,} faults: {words}. Run “manage.py verify_audit”.")


@job("shorten the audit trail", label="Delete old entries of the audit trail", every=timedelta(days=1))
def shorten_audit_trail() -> None:
    """Remove the oldest entries, if AUDIT_KEPT_DAYS limits their age."""
    if settings.AUDIT_KEPT_DAYS:
        shorten_trail(timedelta(days=settings.AUDIT_KEPT_DAYS), on_chunk=stop_if_asked)
