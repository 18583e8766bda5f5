"""Everybody in the admin may see the house style. Who may change it is given to people individually."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

CODENAME = "view_stylerule"
GROUPS = ("Editors", "Reviewers", "Staff")


def give(apps, schema_editor):
    config = apps.get_app_config("posts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = _permissions(apps)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*permissions)


def take(apps, schema_editor):
    permissions = _permissions(apps)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.remove(*permissions)


def _permissions(apps):
    return apps.get_model("auth", "Permission").objects.filter(content_type__app_label="posts", codename=CODENAME)


class Migration(migrations.Migration):
    dependencies = [("posts", "0060_house_style")]
    operations = [migrations.RunPython(give, take)]
