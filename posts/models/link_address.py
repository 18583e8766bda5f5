from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Greatest, Now

from posts.models.post import Post


class LinkHostQuerySet(models.QuerySet["LinkHost"]):
    """Hosts to ask."""

    def wake(self, now: datetime) -> int:
        """Have these hosts asked now, or as soon as they may be; return their number."""
        return self.update(due_at=Greatest(Coalesce("rests_until", now), now, output_field=models.DateTimeField()))


class LinkHost(models.Model):
    """A host that texts link to, and when it may be asked again: one request at a time, with pauses."""

    name = models.CharField(max_length=260, unique=True, help_text="With its port, if the address has one.")
    due_at = models.DateTimeField(null=True, help_text="When its next address is to be checked; empty: none is.")
    rests_until = models.DateTimeField(null=True, help_text="Until when nobody may ask it anything.")
    robots = models.TextField(blank=True, default="", db_default="", help_text="Its robots.txt, as it was read last.")
    robots_read_at = models.DateTimeField(null=True)

    objects = LinkHostQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="link_host_due")]

    def __str__(self) -> str:
        return self.name


class LinkAddress(models.Model):
    """An address on the web that texts name, with what its last check found. All posts share it."""

    class State(models.TextChoices):
        NEW = "new", "Not checked yet"
        ALIVE = "alive", "Alive"
        MOVED = "moved", "Moved"
        GONE = "gone", "Gone"
        DOUBTFUL = "doubtful", "May be gone"
        ANCHOR = "anchor", "Anchor missing"
        CERTIFICATE = "certificate", "Certificate not valid"
        AWAY = "away", "No answer"
        BLOCKED = "blocked", "Closed to programs"
        ROBOTS = "robots", "Not asked: robots.txt"
        PRIVATE = "private", "Not on the public internet"

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the address.")
    address = models.CharField(max_length=2000)
    host = models.ForeignKey(LinkHost, models.CASCADE, related_name="addresses", db_index=False)
    state = models.CharField(max_length=12, choices=State, default=State.NEW, db_default=State.NEW)
    status = models.PositiveSmallIntegerField("answer", null=True, help_text="The status of the HTTP answer.")
    detail = models.CharField(max_length=200, blank=True, default="", db_default="")
    new_address = models.CharField(max_length=2000, blank=True, default="", db_default="")
    etag = models.CharField(max_length=200, blank=True, default="", db_default="")
    last_modified = models.CharField(max_length=60, blank=True, default="", db_default="")
    found_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField("last checked", null=True)
    due_at = models.DateTimeField("next check", null=True)
    failures = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Checks in a row that failed.")
    failing_since = models.DateTimeField(null=True)
    died_at = models.DateTimeField(
        "dead since", null=True, help_text="When enough checks had failed, over days, to call it dead."
    )
    # False while posts that name it have not been told that it died or came back.
    is_told = models.BooleanField(default=True, db_default=True)

    class Meta:
        verbose_name = "link"
        verbose_name_plural = "links"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["host", "due_at"], condition=Q(due_at__isnull=False), name="link_address_due"),
            models.Index(fields=["host", "-id"], name="link_address_of_host"),
            models.Index(fields=["state", "-id"], name="link_address_state"),
            models.Index(fields=["-id"], condition=Q(died_at__isnull=False), name="link_address_dead"),
            models.Index(fields=["id"], condition=Q(is_told=False), name="link_address_untold"),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def state_words(self) -> str:
        """The state in words: "Dead" once enough checks have failed, over days."""
        return "Dead" if self.died_at else str(self.State(self.state).label)


class LinkCheck(models.Model):
    """What checks of an address found, from the first to the last of a row of equal ones."""

    address = models.ForeignKey(LinkAddress, models.CASCADE, related_name="checks", db_index=False)
    state = models.CharField(max_length=12, choices=LinkAddress.State)
    status = models.PositiveSmallIntegerField("answer", null=True)
    detail = models.CharField(max_length=200, blank=True, default="", db_default="")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["address", "-id"], name="link_check_of_address"),
            models.Index(fields=["last_at"], name="link_check_age"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}, {self.times} times"


class LinkOccurrence(models.Model):
    """An address that the proposed or the live text of a post names."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="link_occurrences", db_index=False)
    address = models.ForeignKey(LinkAddress, models.CASCADE, related_name="occurrences", db_index=False)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["post", "address"], name="link_occurrence_once")]
        indexes = [models.Index(fields=["address", "post"], name="link_occurrence_of_address")]

    def __str__(self) -> str:
        return f"{self.address_id} in {self.post_id}"


class StaleLinks(models.Model):
    """A post whose live text changed, so that its occurrences are to be written again. It may have several rows."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.post_id}"
