"""The HTML of articles is stored at release, and stored again if it would now be different."""

from datetime import timedelta

import pytest

from posts.listing import article_html
from posts.listing import rebuild_articles as rebuilding
from posts.listing.article_tasks import bring_articles_up_to_date, forget_old_articles
from posts.listing.rebuild_articles import rebuild_articles
from posts.models import RenderedArticle
from tests.factories import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts():
    return [make_post(released=True, title=f"Number {number}") for number in range(3)]


def stored(version):
    """Return {fingerprint: HTML} of what a version of the renderer has stored."""
    rows = RenderedArticle.objects.filter(renderer_version=version)
    return dict(rows.values_list("fingerprint", "html"))


def test_a_new_renderer_renders_every_live_text_once_and_what_stood_before_is_kept_for_a_day(posts, monkeypatch):
    old = article_html.RENDERER_VERSION
    bring_articles_up_to_date.call()
    make_post()
    before = stored(old)
    assert len(before) == 3
    monkeypatch.setattr(article_html, "RENDERER_VERSION", 99)
    monkeypatch.setattr(rebuilding, "CHUNK", 2)
    assert rebuild_articles() == 3
    assert stored(99) == before
    assert rebuild_articles() == 0
    forget_old_articles.call()
    assert stored(old) == before
    monkeypatch.setattr(rebuilding, "KEPT", -timedelta(minutes=1))
    forget_old_articles.call()
    assert stored(old) == {} and stored(99) == before


def test_other_hosts_of_pictures_are_another_page(client, settings):
    picture = {"url": "https://images.unsplash.com/1", "alt": "A", "caption": "B"}
    post = make_post(released=True, image_sources=[picture])
    bring_articles_up_to_date.call()
    settings.IMAGE_HOSTS = ["placehold.co"]
    bring_articles_up_to_date.call()
    html = RenderedArticle.objects.get(hosts_key=article_html.hosts_key()).html
    assert 'images.unsplash.com/1"' in html and "<img" not in html
    assert html in client.get(post.get_absolute_url()).content.decode()


def test_work_that_stopped_goes_on_where_it_was(posts, monkeypatch):
    bring_articles_up_to_date.call()
    monkeypatch.setattr(article_html, "RENDERER_VERSION", 99)
    monkeypatch.setattr(rebuilding, "CHUNK", 1)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_articles(on_checkpoint=stop)
    assert len(stored(99)) == 1
    # One set at a time, without any time left.
    assert [rebuild_articles(seconds=0) for _ in range(4)] == [1, 1, 0, 0]
    assert len(stored(99)) == 3


def test_what_another_version_of_the_site_released_meanwhile_is_rendered_too(posts):
    bring_articles_up_to_date.call()
    late = make_post(released=True, title="Late").live_revision.fingerprint
    RenderedArticle.objects.filter(fingerprint=late).update(renderer_version=1)
    assert rebuild_articles() == 1
    assert late in stored(article_html.RENDERER_VERSION)
    assert rebuild_articles() == 0
