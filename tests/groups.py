"""The groups that migrations make, again after a test has emptied its database."""

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

_known = {}  # {name of a group: its rights as (app, model, codename)}, as the migrations left them


def keep_groups():
    """From now on a database gets its groups back when it is emptied, which ends with the signal for migrated ones."""
    post_migrate.connect(_note_or_restore, sender=apps.get_app_config("posts"), dispatch_uid="groups of tests")


def _note_or_restore(**kwargs):
    for group in Group.objects.prefetch_related("permissions__content_type"):
        _known[group.name] = {permission.natural_key() for permission in group.permissions.all()}
    if Group.objects.exists():
        return
    rights = {permission.natural_key(): permission for permission in Permission.objects.select_related("content_type")}
    for name, keys in _known.items():
        Group.objects.create(name=name).permissions.set(rights[key] for key in keys)
