"""Pictures of articles in a real Chromium: whole, in their own shape, and larger on request."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations_in_both_schemes
from tests.factories import make_post

pytestmark = pytest.mark.browser
PLACE = "https://images.unsplash.com/"
SHAPES = {"tall": (600, 1200), "wide": (1600, 400), "small": (120, 90), "usual": (1200, 630)}
# A frame in another colour at the edge, so that a picture that is cut off lacks it.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}">
<rect width="{0}" height="{1}" fill="#d00000"/>
<rect x="10" y="10" width="{2}" height="{3}" fill="#ffffff"/></svg>"""


def pictured(*names, **known):
    """Return a post with one picture for each of SHAPES among `names`. known: more about each of them."""
    images = [
        {
            "url": f"{PLACE}{name}",
            "caption": f"The {name} one",
            "alt": f"Words on a {name} board",
            **known.get(name, {}),
        }
        for name in names
    ]
    body = "## One\n\n" + "\n\nwords\n\n".join(f"![](image:{number + 1})" for number in range(len(images)))
    return make_post(body=body, image_sources=images)


def sized(*names):
    return {name: dict(zip(("width", "height"), SHAPES[name], strict=True)) for name in names}


@pytest.fixture
def gallery(browser_page):
    """Open a post whose pictures load."""

    def opened(post, width=1280, **options):
        watched = browser_page(width, **options)

        def answer(route):
            wide, high = SHAPES[route.request.url.removeprefix(PLACE)]
            body = SVG.format(wide, high, wide - 20, high - 20)
            route.fulfill(body=body, content_type="image/svg+xml")

        watched.page.context.route(f"{PLACE}**", answer)
        watched.page.route(f"{PLACE}**", answer)
        watched.open(post.get_absolute_url())
        for picture in watched.page.locator("figure img").all():
            picture.scroll_into_view_if_needed()
            picture.evaluate("img => img.complete || new Promise(done => { img.onload = img.onerror = done })")
        return watched

    return opened


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_picture_has_its_own_shape_and_nothing_is_cut_off(gallery, width, has_script, is_known):
    known = sized(*SHAPES) if is_known else {}
    watched = gallery(pictured(*SHAPES, **known), width, java_script_enabled=has_script)
    for figure, (name, (wide, high)) in zip(watched.page.locator("figure").all(), SHAPES.items(), strict=True):
        frame, picture = figure.locator(".figure__frame").bounding_box(), figure.locator("img").bounding_box()
        assert picture["width"] / picture["height"] == pytest.approx(wide / high, rel=0.05), name
        assert {side: round(size) for side, size in frame.items()} == {
            side: round(size) for side, size in picture.items()
        }
        assert picture["width"] <= wide and picture["height"] <= 801
        assert not figure.locator(".placeholder").is_visible()
        assert figure.inner_text().count(f"The {name} one") == 1
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.complaints == []


def test_nothing_moves_when_a_picture_comes_whose_size_is_known(gallery, browser_page):
    post = pictured(*SHAPES, **sized(*SHAPES))
    missing = browser_page()
    missing.open(post.get_absolute_url())
    places = "all => all.map((one) => Math.round(one.getBoundingClientRect().top + scrollY))"
    before = missing.page.locator("figcaption, h2").evaluate_all(places)
    after = gallery(post).page.locator("figcaption, h2").evaluate_all(places)
    assert before == after


@pytest.mark.parametrize("media", ["screen", "print"])
def test_a_picture_is_not_distorted_where_its_record_is_wrong_about_its_size(gallery, media):
    watched = gallery(
        pictured("tall", "wide", tall={"width": 1600, "height": 400}, wide={"width": 600, "height": 1200})
    )
    watched.page.emulate_media(media=media)
    for picture, (wide, high) in zip(
        watched.page.locator("figure img").all(), (SHAPES["tall"], SHAPES["wide"]), strict=True
    ):
        box = picture.bounding_box()
        keeps_shape = box["width"] / box["height"] == pytest.approx(wide / high, rel=0.05)
        assert keeps_shape or picture.evaluate("(img) => getComputedStyle(img).objectFit") == "contain"


def test_a_missing_picture_is_described_in_its_place_and_captioned_once(browser_page):
    watched = browser_page()
    watched.open(pictured("usual").get_absolute_url())
    figure = watched.page.locator("figure")
    assert "Words on a usual board" in figure.locator(".figure__notch").inner_text()
    assert figure.locator(".placeholder").is_visible()
    assert figure.inner_text().count("The usual one") == 1


@pytest.mark.parametrize("way", ["click", "key"])
def test_a_picture_opens_whole_and_closes_again(gallery, way):
    watched = gallery(pictured("usual", "tall"), 390)
    page = watched.page
    frame = page.get_by_role("link", name="Show image 2 in full")
    if way == "click":
        frame.click()
    else:
        frame.focus()
        page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Image")
    expect(dialog.locator("img")).to_be_visible()
    box = dialog.locator("img").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(0.5, rel=0.02)
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900
    assert "The tall one" in dialog.inner_text()
    assert dialog.locator("img").get_attribute("alt") == "Words on a tall board"
    assert violations_in_both_schemes(page) == []
    dialog.get_by_role("button", name="Full size").click()
    assert dialog.locator("img").bounding_box()["width"] == 600
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dialog.get_by_role("button", name="Fit to the window").click()
    assert dialog.get_by_role("link", name="Image file").get_attribute("href") == f"{PLACE}tall"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(frame).to_be_focused()
    frame.click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert watched.complaints == []


def test_a_picture_that_fits_the_window_offers_no_larger_size(gallery):
    watched = gallery(pictured("small"))
    watched.page.locator(".figure__frame").click()
    dialog = watched.page.get_by_role("dialog", name="Image")
    expect(dialog.get_by_role("button")).to_have_text(["Close"])


def test_without_javascript_a_picture_is_a_link_to_its_file(gallery):
    watched = gallery(pictured("tall"), java_script_enabled=False)
    watched.page.locator("figure img").click()
    watched.page.wait_for_url(f"{PLACE}tall")


def test_a_picture_that_is_missing_is_a_link_to_its_file_too(browser_page):
    watched = browser_page()
    watched.open(pictured("tall").get_absolute_url())
    with watched.page.expect_request(f"{PLACE}tall"):
        watched.page.locator(".figure__frame").click()
    assert watched.page.locator("dialog").count() == 0
