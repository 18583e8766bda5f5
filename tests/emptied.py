"""What a test that empties its database must leave or restore: rows outside of models, and groups."""

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models.signals import post_migrate

_known = {}  # {name of a group: its rights as (app, model, codename)}, as the migrations left them


def mend_emptied_databases():
    """Treat a database that a test has emptied as newly migrated."""
    post_migrate.connect(_mend, sender=apps.get_app_config("posts"), dispatch_uid="emptied databases of tests")


def _mend(using, **kwargs):
    for group in Group.objects.prefetch_related("permissions__content_type"):
        _known[group.name] = {permission.natural_key() for permission in group.permissions.all()}
    if Group.objects.exists():
        return
    rights = {permission.natural_key(): permission for permission in Permission.objects.select_related("content_type")}
    for name, keys in _known.items():
        Group.objects.create(name=name).permissions.set(rights[key] for key in keys)
    with connections[using].cursor() as cursor:
        cursor.execute("DELETE FROM posts_search")
        # What the triggers noted of the rows that went.
        cursor.execute("DELETE FROM posts_pagechange")
