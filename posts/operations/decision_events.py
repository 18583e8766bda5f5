"""What generators are told of decisions, in the order in which it becomes visible."""

from collections.abc import Iterable

from django.db import connection

from posts.models import DecisionEvent, Review

# Any number that no other lock of transactions has.
_LOCK = 0x616C7068_6131


def note_decisions(reviews: Iterable[int], kind: DecisionEvent.Kind) -> None:
    """Record an event for each review (primary keys) about a post of a known generator.

    Only one transaction at a time gets numbers, until it ends. Otherwise a reader could see a number before a lower one
    that another transaction has not committed yet, and would never look for it. Called after the posts are locked and
    before terms are, so no two transactions wait for each other.
    """
    rows = Review.objects.filter(pk__in=list(reviews), revision__post__known_generator__isnull=False)
    found = list(rows.order_by("pk").values_list("pk", "revision__post__known_generator"))
    if not found:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for review, generator in found:
        DecisionEvent.objects.create(review_id=review, generator_id=generator, kind=kind)
