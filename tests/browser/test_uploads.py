"""Uploads and typed addresses of images in a real Chromium."""

import pytest
from playwright.sync_api import expect

from posts.models import Post, UploadedPicture
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import change_address, messages, sign_in
from tests.factories import make_post
from tests.test_pictures import SVG, picture

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def files(*bodies):
    return [
        {"name": f"picture-{number}.png", "mimeType": "image/png", "buffer": body} for number, body in enumerate(bodies)
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_several_pictures_are_uploaded_at_once_credited_and_saved_as_one_revision(browser_page, editor, width):
    post = make_post()
    watched = browser_page(width)
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Images']")
    page.set_input_files("#id_pictures", files(*(picture(size=(300, 200 + side)) for side in range(3)), SVG))
    expect(page.locator(".uploads__state li").nth(2)).to_contain_text("uploaded.")
    expect(page.locator(".uploads__state li").nth(3)).to_contain_text("SVG pictures can contain programs")
    rows = page.locator(".image-row")
    expect(rows).to_have_count(3)
    expect(page.locator("[name=images-0-source]")).to_be_focused()
    assert "Enter where the picture comes from, its licence" in rows.nth(0).inner_text()
    shown = rows.nth(2).locator("img").evaluate("img => img.decode().then(() => [img.naturalWidth, img.naturalHeight])")
    assert shown == [300, 202]
    for number in range(3):
        for name, value in {"source": "own work", "licence": "CC0", "alt": "A board"}.items():
            rows.nth(number).locator(f"[name$='-{name}']").fill(value)
    assert violations_in_both_schemes(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    watched.follow("text='Save'")
    assert "Saved as 1.0.1." in messages(watched)
    images = Post.objects.get().working_record()["image_sources"]
    assert [(image["width"], image["height"], image["licence"]) for image in images] == [
        (300, 200, "CC0"), (300, 201, "CC0"), (300, 202, "CC0"),
    ]  # fmt: skip
    assert UploadedPicture.objects.filter(is_used=True).count() == 3


def test_a_typed_address_shows_its_problem_before_anything_is_saved(browser_page, editor):
    post = make_post()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Images']")
    page.fill("#id_images-0-url", "https://elsewhere.example/a.png")
    page.press("#id_images-0-url", "Tab")
    row = page.locator(".image-row").nth(0)
    expect(row.locator(".finding")).to_contain_text("ask an administrator to add elsewhere.example to IMAGE_HOSTS")
    assert violations_in_both_schemes(page) == []
    page.fill("#id_images-0-url", "https://placehold.co/600x400")
    page.press("#id_images-0-url", "Tab")
    expect(row.locator(".image-row__told")).to_contain_text("This site draws the picture itself.")
    assert row.locator(".finding").count() == 0
