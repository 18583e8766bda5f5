"""Editors, reviewers and staff may see the links of all posts."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

CODENAME = "view_linkaddress"
GROUPS = ("Editors", "Reviewers", "Staff")


def give(apps, schema_editor):
    config = apps.get_app_config("posts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="posts", codename=CODENAME
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*permissions)


def take(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="posts", codename=CODENAME
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*permissions)


class Migration(migrations.Migration):
    dependencies = [("posts", "0056_links_and_their_checks")]
    operations = [migrations.RunPython(give, take)]
