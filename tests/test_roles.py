"""The page Roles says what each group may do, from the rights that it has, and who is in it."""

import html
import re

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from posts.admin.rights import ACCOUNTS, POSTS, UNUSED
from posts.admin.roles import PEOPLE_SHOWN
from tests.factories import person

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def roles_page(by):
    """Return {name of a group: the words below it} of the page as a person sees it."""
    client = Client()
    client.force_login(by)
    page = client.get("/admin/roles/").content.decode()
    sections = re.findall(r'<h2 id="role-\d+">(\w+).*?</h2>(.*?)</section>', page, re.DOTALL)
    return {name: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()) for name, text in sections}


@pytest.fixture
def superuser():
    return User.objects.create_superuser("root")


def test_every_permission_of_the_site_has_words_or_is_asked_for_by_nothing():
    models = apps.get_app_config("posts").get_models()
    known = {
        codename
        for model in models
        for codename in [f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions]
        + [codename for codename, _ in model._meta.permissions]
    }
    in_words = {codename for rights in POSTS.values() for codename in rights}
    assert known == in_words | set(UNUSED) and not in_words & set(UNUSED)
    of_accounts = Permission.objects.filter(content_type__app_label="auth", content_type__model__in=["user", "group"])
    assert set(of_accounts.values_list("codename", flat=True)) == set(ACCOUNTS)


def test_a_right_that_a_group_gets_or_loses_is_on_the_page_at_once(superuser):
    editors = Group.objects.get(name="Editors")
    review = Permission.objects.get(codename="review_post")
    assert "Decide about posts" not in roles_page(superuser)["Editors"]
    editors.permissions.add(review)
    assert "Decide about posts" in roles_page(superuser)["Editors"]
    editors.permissions.clear()
    assert "Rights none" in roles_page(superuser)["Editors"]


def test_a_right_of_another_app_is_named_too(superuser):
    editors = Group.objects.get(name="Editors")
    editors.permissions.add(Permission.objects.get(codename="view_session"))
    assert "Other View session" in roles_page(superuser)["Editors"]


def test_the_people_of_a_group_are_shown_to_those_who_may_see_accounts_alone(superuser):
    editor, former = person("Editors"), person("Editors")
    User.objects.filter(pk=former.pk).update(is_active=False)
    everybody = roles_page(superuser)
    assert editor.username in everybody["Editors"] and "nobody" in everybody["Reviewers"]
    assert former.username not in everybody["Editors"]
    seen = roles_page(editor)
    assert set(seen) == set(everybody) and editor.username not in seen["Editors"] and "nobody" not in seen["Editors"]


def test_a_large_group_leads_to_its_list_and_costs_the_same(superuser, django_assert_max_num_queries):
    first, *_ = people = [person("Editors") for _ in range(PEOPLE_SHOWN + 3)]
    with django_assert_max_num_queries(30) as queries:
        words = roles_page(superuser)["Editors"]
    assert "and 3 more" in words and first.username in words
    User.objects.filter(pk__in=[user.pk for user in people[1:]]).delete()
    with django_assert_max_num_queries(30) as fewer:
        assert "more" not in roles_page(superuser)["Editors"]
    assert len(fewer) == len(queries)


def test_a_person_sees_which_groups_are_theirs():
    client = Client()
    client.force_login(person("Staff"))
    page = client.get("/admin/roles/").content.decode()
    assert re.findall(r'(\w+) <span class="quiet-inline">your group', page) == ["Staff"]
    assert 'href="/admin/roles/"' in client.get("/admin/account/").content.decode()
