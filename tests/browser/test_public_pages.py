"""The readers' pages in a real Chromium."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.factories import make_post

pytestmark = pytest.mark.browser

IMAGES = [
    {"source": "unsplash", "url": "https://images.unsplash.com/photo-1?w=1200", "caption": "A queue that drains"},
    {"source": "dummyimage.com", "url": "https://dummyimage.com/1200x630/111/fff.png&text=Drain", "caption": "Drain"},
    {"source": "elsewhere", "url": "https://elsewhere.example/a.jpg", "caption": "From a host that is not allowed"},
]
BODY = (
    "## One\n\ntext\n\n```python\nprint(1)\n```\n\n## Two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n## Three\n\nlast words"
)


def full_post(**options):
    return make_post(
        body=BODY,
        checklist=["tick"],
        score={"quality": 84},
        entities=[{"name": "Go", "type": "stack"}],
        payload={"generator": "g", "seed": 1},
        notes=["n"],
        **options,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_have_no_accessibility_violation_and_do_not_scroll_sideways(browser_page, width, scheme):
    waiting, approved = full_post(image_sources=IMAGES), full_post(image_sources=IMAGES[:2], released=True)
    for address, heading in [
        ("/", "Technical articles"),
        (waiting.get_absolute_url(), waiting.title),
        (approved.get_absolute_url(), approved.title),
        ("/posts/nothing-here/", "This line ends here"),
    ]:
        watched = browser_page(width, scheme)
        watched.open(address)
        assert heading in watched.page.locator("h1").inner_text()
        watched.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        found = Axe().run(watched.page)
        assert found.violations_count == 0, found.generate_report()
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [c for c in watched.complaints if "404" not in c] == []


def test_a_page_asks_foreign_hosts_for_nothing_but_allowed_pictures(browser_page):
    post = full_post(image_sources=IMAGES)
    watched = browser_page()
    watched.open(post.get_absolute_url())
    watched.page.keyboard.press("End")
    watched.page.wait_for_function("document.images[0].complete")
    assert watched.foreign == [("image", IMAGES[0]["url"])]


def test_a_figure_whose_picture_does_not_come_shows_its_drawing_and_its_words(browser_page):
    watched = browser_page()
    watched.open(full_post(image_sources=IMAGES[:1]).get_absolute_url())
    figure = watched.page.locator("figure").first
    box = figure.locator(".figure__frame").bounding_box()
    assert abs(box["width"] / box["height"] - 1200 / 630) < 0.01
    assert figure.locator("svg.plate").is_visible()
    assert "A queue that drains" in figure.locator(".figure__notch").inner_text()


def test_script_in_a_record_does_not_run(browser_page):
    payload = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    post = make_post(title=f"t {payload}", body=payload, summary=payload, notes=[payload], payload={payload: payload})
    watched = browser_page()
    watched.open(post.get_absolute_url())
    assert "<script>" in watched.page.locator("h1").inner_text()
    assert watched.page.title() != "owned" and watched.complaints == []
