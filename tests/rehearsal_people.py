"""The people of a rehearsal: a process with the code of one version that does what lines of JSON ask for."""

import json
import sys
import traceback
from io import StringIO

PASSWORD = "seven grey herons wade"
OPEN_POSTS = 6


def person(group, name):
    from django.contrib.auth.models import Group, User

    user, is_new = User.objects.get_or_create(username=name, defaults={"is_staff": True})
    if is_new:
        user.set_password(PASSWORD)
        user.save()
        user.groups.add(Group.objects.get(name=group))
    return user


def post(slug):
    from posts.models import Post

    return Post.objects.with_texts().get(slug=slug)


def prepare(_):
    """Fill the site; return {slug: primary key} of its posts."""
    from django.core.management import call_command

    from posts.models import Post
    from tests.factories import make_post
    from tests.posts_in_every_state import fill

    for group, name in [("Editors", "ada"), ("Reviewers", "ben"), ("Staff", "cleo")]:
        person(group, name)
    fill()
    # Release 0.1.0 fills fewer states.
    for _ in range(OPEN_POSTS):
        make_post(released=True)
    call_command("run_worker", until_idle=True, stdout=sys.stderr)
    return dict(Post.objects.values_list("slug", "pk"))


def bring_in(path):
    from django.core.management import call_command

    call_command("import_posts", path, stdout=sys.stderr)
    return True


def approve(slug):
    from tests import factories

    return bool(factories.approve(post(slug), by=person("Reviewers", "ben")))


def flag(slug):
    from posts.operations import flag_post

    return bool(flag_post(post(slug), by=person("Staff", "cleo"), note="Look at the numbers."))


def clear(slug):
    from posts.models import ReviewFlag
    from posts.operations import clear_flag

    found = ReviewFlag.objects.filter(post__slug=slug, cleared_at=None).latest("pk")
    clear_flag(found, by=person("Staff", "cleo"), note="Looked at.")
    return True


def audit(_):
    """Return what `audit_indexing` complains about."""
    from django.core.management import CommandError, call_command

    said = StringIO()
    try:
        call_command("audit_indexing", stdout=said, stderr=said)
    except CommandError as error:
        return f"{said.getvalue()}{error}"
    return ""


def hire(name):
    """Make an account with a row in a table that release 0.1.0 does not know."""
    from posts.models import AccountState

    user = person("Editors", name)
    AccountState.objects.get_or_create(user=user)
    return user.pk


def retire(name):
    from django.contrib.auth.models import User

    return User.objects.get(username=name).delete()[0]


def take_back(_):
    """Roll back the newest import."""
    from posts.models import ImportBatch

    try:
        from posts.importing.rollback import roll_back_batch
    except ImportError:  # release 0.1.0
        from posts.operations.roll_back_batch import roll_back_batch

    batch = ImportBatch.objects.filter(state="finished").latest("pk")
    roll_back_batch(batch, by=person("Staff", "cleo"))
    return batch.pk


ACTS = {act.__name__: act for act in (prepare, bring_in, approve, flag, clear, audit, hire, retire, take_back)}


def main():
    import django

    django.setup()
    for line in sys.stdin:
        act, slug = json.loads(line)
        try:
            answer = ACTS[act](slug)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print("answer " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
