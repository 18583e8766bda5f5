import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.functions import Now

# So many digests are made at once, whether a site has purged posts or not.
FEW = 8


def digest_of_name(name: str) -> str:
    """Return what is kept of an identity or an address whose words had to go."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


class PurgedPost(models.Model):
    """What is left of a post that was purged: enough to know its identity again, and no word of it."""

    identity = models.CharField(max_length=64, unique=True, help_text="The digest of its source id.")
    was_public = models.BooleanField(
        default=False, db_default=False, help_text="Readers could open it, so its addresses answer 410."
    )
    purged_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"purged post {self.identity[:12]}"


class PurgedAddress(models.Model):
    """An address of a purged post, as a digest. No other post ever gets it."""

    post = models.ForeignKey(PurgedPost, models.PROTECT, related_name="addresses")
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest


def purged_addresses(slugs: Iterable[str]) -> set[str]:
    """Return those of `slugs` (or paths of an old site) that a purged post had."""
    return _named_in(PurgedAddress.objects.values_list("digest", flat=True), "digest", slugs)


def is_gone(slug: str) -> bool:
    """Return whether a purged post that readers could open had this address."""
    return PurgedAddress.objects.filter(digest=digest_of_name(slug), post__was_public=True).exists()


def purged_identities(source_ids: Iterable[str]) -> set[str]:
    """Return those of `source_ids` that a purged post had."""
    return _named_in(PurgedPost.objects.values_list("identity", flat=True), "identity", source_ids)


def _named_in(digests: models.QuerySet[Any, str], column: str, names: Iterable[str]) -> set[str]:
    """Return those of `names` whose digests are among these, which are those of `column`."""
    names = list(names)
    # Nearly all sites have none: to ask costs less than the digests of a whole chunk.
    if len(names) > FEW and not digests.exists():
        return set()
    by_digest = {digest_of_name(name): name for name in names}
    return {by_digest[digest] for digest in digests.filter(**{f"{column}__among": by_digest.keys()})}
