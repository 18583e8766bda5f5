from django.db import models


class DayFigure(models.Model):
    """How much of a kind there was on a day of the site's time zone, as posts.review_queue.days counts it.

    kind: SUBMITTED, or the outcome of decisions that were not undone. name: the generator of the posts that the
    decisions are about. standing: those of the decisions that were not revoked since.
    """

    SUBMITTED = "submitted"

    pk = models.CompositePrimaryKey("day", "kind", "name")
    day = models.DateField()
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=0, db_default=0)
    standing = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.name}: {self.count}"
