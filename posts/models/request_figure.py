from django.db import models


class RequestFigure(models.Model):
    """What the web processes counted of one route in one minute or, for older times, in one hour.

    Of a minute each process has rows of its own. posts.monitoring writes, adds up and deletes them.
    """

    MINUTE, HOUR = 60, 3600

    seconds = models.PositiveSmallIntegerField(help_text="The length of its time: a minute or an hour.")
    began_at = models.DateTimeField(help_text="When its time began.")
    version = models.CharField(max_length=40, help_text="The version of the software.")
    route = models.CharField(max_length=100, help_text="The name of the view; empty: no view has the address.")
    requests = models.PositiveIntegerField()
    errors = models.PositiveIntegerField(help_text="Answers from 500 on.")
    refused = models.PositiveIntegerField(help_text="Actions that a rule refused: 409 and 422.")
    cached = models.PositiveIntegerField(help_text="Answers of the page cache.")
    total_ms = models.FloatField()
    slowest_ms = models.FloatField()
    counts = models.JSONField(help_text="By posts.measures.BOUNDS_MS.")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["seconds", "began_at"], name="request_figure_time")]

    def __str__(self) -> str:
        return f"{self.route or 'no route'} at {self.began_at}"
