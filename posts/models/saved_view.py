from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """A filter of the queue, saved under a name."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="The filter as QueueView.query() writes it.")

    class Meta:
        ordering = ["name", "pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once")]

    def __str__(self) -> str:
        return self.name


class DeskPreference(models.Model):
    """A person's preferences for the admin; without a row the defaults apply."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="desk_preference"
    )
    keys_off = models.BooleanField(default=False, db_default=False, help_text="Keyboard shortcuts are off.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person}: keys {'off' if self.keys_off else 'on'}"
