"""Transactions in which a test tries what it may take back."""

from django.db import transaction


def trial() -> transaction.Atomic:
    """Return a transaction that counts as one of the test case, so that a durable operation runs inside it."""
    block = transaction.atomic()
    # As Django's TestCase marks its own.
    block._from_testcase = True
    return block
