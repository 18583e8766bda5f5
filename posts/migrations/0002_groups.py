"""The three groups of people and their permissions, which must exist before they can be given."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

EDITORS = ["view_post", "add_post", "change_post", "submit_post", "restore_post"]
REVIEWERS = [*EDITORS, "review_post", "release_post", "withdraw_post", "flag_post", "change_slug"]
STAFF = [
    "view_post",
    "flag_post",
    "withdraw_post",
    "import_posts",
    "export_posts",
    "view_importbatch",
    "view_importissue",
]
SEE = ["view_revision", "view_review", "view_reviewflag", "view_release", "view_auditentry", "view_formerslug"]
SEE += ["view_imagesource", "view_checklistitem"]
# Images and checklist items are edited inside the form of their post.
PARTS = [f"{verb}_{part}" for verb in ("add", "change", "delete") for part in ("imagesource", "checklistitem")]

GROUPS = {"Editors": EDITORS + SEE + PARTS, "Reviewers": REVIEWERS + SEE + PARTS, "Staff": STAFF + SEE}


def create_groups(apps, schema_editor):
    config = apps.get_app_config("posts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        permissions = Permission.objects.filter(content_type__app_label="posts", codename__in=codenames)
        group.permissions.add(*permissions)


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [("posts", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(create_groups, remove_groups)]
