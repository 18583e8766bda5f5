"""Tables that make a changed audit trail visible. posts.audit.chain fills them, posts.db.audit_triggers guards them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AuditSeal(models.Model):
    """One link of the chain over the audit trail: which entry comes next, and a digest over it and all before it.

    A job sets the order, not the number of the entry: an entry with a smaller number may be committed later.
    """

    sequence = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    # What the entry was about. The entry itself forgets a post that is removed.
    post_id = models.BigIntegerField(null=True)
    revision_id = models.BigIntegerField(null=True)
    # Without the salt nobody can guess a detail from its digest. It goes when words of the detail have to go.
    salt = models.BinaryField(max_length=16)
    detail_digest = models.BinaryField(max_length=32)
    row_digest = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.sequence}: entry {self.entry_id}"


class AuditRedaction(models.Model):
    """What a detail of the audit trail says after a name or content was removed from it.

    act_id: the entry of the trail that records it, with the digest of the text.
    """

    entry_id = models.BigIntegerField(unique=True)
    act_id = models.BigIntegerField()
    text = models.TextField(blank=True, db_default="")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"entry {self.entry_id} by entry {self.act_id}"


class AuditChain(models.Model):
    """Where the chain stands: one row.

    start_sequence, start_digest: the last link that was removed with the oldest entries; the chain goes on from it.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    start_sequence = models.BigIntegerField(default=0, db_default=0)
    start_digest = models.BinaryField(max_length=32, default=bytes(32))
    last_sequence = models.BigIntegerField(default=0, db_default=0)
    # Every entry up to this number is committed or never will be, and is in the chain.
    settled_id = models.BigIntegerField(default=0, db_default=0)
    # The next such number, once these transactions have ended.
    next_settled_id = models.BigIntegerField(default=0, db_default=0)
    waits_for = models.TextField(blank=True, default="", db_default="")
    verified_at = models.DateTimeField(null=True)
    verified_sequence = models.BigIntegerField(default=0, db_default=0)
    verified_problems = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_chain_one_row")]

    def __str__(self) -> str:
        return f"up to {self.last_sequence}"
