"""Fields that offer values while a person types, and take others too."""

import re

import pytest
from django.urls import reverse

from posts.models import Post, ScheduledRelease
from tests.factories import make_post
from tests.test_admin import saved
from tests.test_releases import approved_later, form_of, releases

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def offered(page, name):
    """Return {value: words} that the field `name` of a page offers."""
    html = page.content.decode()
    field = re.search(rf'<input[^>]* name="{name}"[^>]*>', html)[0]
    listed = re.findall(rf'<datalist id="{re.search(r" list=.(.*?).[ >]", field)[1]}">(.*?)</datalist>', html)
    assert len(listed) == 1, "the page has the list once"
    return dict(re.findall(r'<option value="(.*?)">(.*?)</option>', listed[0]))


def form_of_post(client, post):
    return client.get(reverse("admin:posts_post_change", args=[post.pk]))


def test_the_form_offers_levels_languages_and_licences(client, editor):
    client.force_login(editor)
    page = form_of_post(client, make_post(image_sources=[{"url": "https://images.unsplash.com/a"}]))
    assert list(offered(page, "difficulty")) == ["beginner", "intermediate", "advanced"]
    languages = offered(page, "language")
    assert (languages["de"], languages["pt-BR"], languages["zh-Hans"]) == (
        "German",
        "Brazilian Portuguese",
        "Simplified Chinese",
    )
    assert offered(page, "code_language")["csharp"] == "C#"
    assert "CC BY-SA 4.0" in offered(page, "images-0-licence")


def test_a_value_that_is_not_offered_is_saved_as_it_is(client, editor):
    client.force_login(editor)
    post = make_post(difficulty="advanced")
    saved(client, post, difficulty="For experts", language="tlh", code_language="befunge", published_on="1987-06-05")
    head = Post.objects.get().head_revision.snapshot
    assert [head[name] for name in ("difficulty", "language", "code_language", "published_on")] == [
        "For experts",
        "tlh",
        "befunge",
        "1987-06-05",
    ]


def test_the_filter_by_difficulty_finds_both_ways_to_write_it(client, editor):
    client.force_login(editor)
    for level in ("advanced", "Advanced", "beginner"):
        make_post(difficulty=level, title=f"Written {level}")
    page = client.get(reverse("admin:posts_post_changelist"), {"difficulty": "advanced"}).content.decode()
    assert "Written advanced" in page and "Written Advanced" in page
    assert "Written beginner" not in page


@pytest.mark.parametrize("typed", ["America/New_York", "new york", "america/new_york", "New_York"])
def test_a_time_zone_is_chosen_or_typed_by_its_city(client, superuser, typed):
    client.force_login(superuser)
    post = approved_later()
    page = client.get(releases(post))
    assert "Europe/Zagreb" in offered(page, "zone")
    data = form_of(page) | {"act": "release", "when": "date", "day": "2099-01-02", "time": "08:00", "zone": typed}
    answer = client.post(releases(post), data)
    assert answer.status_code == 302, re.findall(r'<li class="error">(.*?)</li>', answer.content.decode())
    assert ScheduledRelease.objects.get().zone == "America/New_York"


@pytest.mark.parametrize("typed", ["", "Atlantis", "Europe/", "<b>"])
def test_an_unknown_time_zone_is_refused_in_words_and_nothing_is_lost(client, superuser, typed):
    client.force_login(superuser)
    post = approved_later()
    data = form_of(client.get(releases(post)))
    data |= {"act": "release", "when": "date", "day": "2099-01-02", "time": "08:00", "zone": typed}
    answer = client.post(releases(post), data)
    assert answer.status_code == 422
    assert "Time zone: " in answer.content.decode() and 'value="2099-01-02"' in answer.content.decode()
    if typed:
        assert "is not a known time zone. Choose one from the list" in answer.content.decode()
    assert not ScheduledRelease.objects.exists()


def test_notes_and_long_values_have_fields_as_long_as_their_text(client, editor):
    client.force_login(editor)
    long = "A sentence that is far longer than a narrow field. " * 5
    page = form_of_post(client, make_post(notes=["Short.", long], payload={"said": long, "n": "1"})).content.decode()
    rows = re.findall(r'<textarea name="[a-z_]+-(?:value|text)" rows="(\d+)" aria-label="(.*?)"', page)
    assert rows == [("1", "Notes 1"), ("3", "Notes 2"), ("1", "Notes 3"), ("1", "Notes 4"), ("3", "Value 1")]
    assert 'name="payload_flat-text" value="1"' in page
