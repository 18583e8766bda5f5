"""Everybody at the desk sees generators and staff describe them; names that records already have wait for that."""

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.models import Count

GIVEN = {
    "Editors": ["view_generator"],
    "Reviewers": ["view_generator"],
    "Staff": ["view_generator", "manage_generators"],
}
MOST_NAMES = 500


def give(apps, schema_editor):
    config = apps.get_app_config("posts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="posts")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GIVEN):
        group.permissions.add(*permissions.filter(codename__in=GIVEN[group.name]))
    names = apps.get_model("posts", "Post").objects.exclude(generator="").order_by().values_list("generator")
    named = names.annotate(posts=Count("pk")).order_by("-posts", "generator")[:MOST_NAMES]
    generators = apps.get_model("posts", "Generator").objects
    generators.bulk_create(
        [generators.model(name=name, is_described=False, backlog_limit=None) for name, _ in named],
        ignore_conflicts=True,
    )


def take(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="posts")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GIVEN):
        group.permissions.remove(*permissions.filter(codename__in=GIVEN[group.name]))


class Migration(migrations.Migration):
    dependencies = [("posts", "0035_generators")]
    operations = [migrations.RunPython(give, take)]
