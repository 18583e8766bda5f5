"""The HTML of articles: kept when a text is released, and kept anew when it would come out otherwise."""

import pytest

from posts import articles
from posts.articles import store_articles_anew
from posts.jobs.articles import bring_articles_up_to_date
from posts.models import RenderedArticle
from tests.factories import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts():
    return [make_post(released=True, title=f"Number {number}") for number in range(3)]


def stored():
    """{fingerprint: (version of the renderer, HTML)} of all that is stored."""
    rows = RenderedArticle.objects.values_list("fingerprint", "renderer_version", "html")
    return {fingerprint: (version, html) for fingerprint, version, html in rows}


def test_a_new_renderer_renders_every_live_text_once_in_the_background(client, posts, monkeypatch):
    bring_articles_up_to_date.call()
    make_post()
    before = stored()
    assert len(before) == 3
    monkeypatch.setattr(articles, "RENDERER_VERSION", 99)
    monkeypatch.setattr(articles, "CHUNK", 2)
    assert store_articles_anew() == 3
    assert stored() == {fingerprint: (99, html) for fingerprint, (_, html) in before.items()}
    assert store_articles_anew() == 0


def test_other_hosts_of_pictures_are_another_page(client, settings):
    post = make_post(
        released=True, image_sources=[{"url": "https://images.unsplash.com/1", "alt": "A", "caption": "B"}]
    )
    bring_articles_up_to_date.call()
    settings.IMAGE_HOSTS = ["placehold.co"]
    bring_articles_up_to_date.call()
    ((_, html),) = stored().values()
    assert 'images.unsplash.com/1"' in html and "<img" not in html
    assert html in client.get(post.get_absolute_url()).content.decode()


def test_what_was_stopped_goes_on_where_it_was(posts, monkeypatch):
    bring_articles_up_to_date.call()
    monkeypatch.setattr(articles, "RENDERER_VERSION", 99)
    monkeypatch.setattr(articles, "CHUNK", 1)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_articles_anew(between=stop)
    # What was there is there until all of it is: another version of the site may still show it.
    assert len(RenderedArticle.objects.all()) == 4
    assert store_articles_anew() == 2
    assert {version for version, _ in stored().values()} == {99}
