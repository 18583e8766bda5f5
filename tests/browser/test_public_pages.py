"""The readers' pages in a real Chromium."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations, violations_in_both_schemes
from tests.every_page import IMAGES, make_every_page
from tests.factories import make_post

pytestmark = pytest.mark.browser


def open_folds(page):
    page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")


@pytest.fixture
def site(browser_page, settings):
    """Return {name: (address, words of its heading)} of every page type; errors as readers get them, DEBUG off."""
    pages = make_every_page() | {"api": ("/api/", "API")}
    settings.DEBUG = False
    return pages


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_pages_have_no_accessibility_violation_and_do_not_scroll_sideways(browser_page, site, width, scheme):
    watched = browser_page(width, scheme)
    for address, heading in site.values():
        watched.open(address)
        assert heading in watched.page.locator("h1").inner_text()
        open_folds(watched.page)
        assert violations_in_both_schemes(watched.page) == [], address
        for narrow in (width, 320):
            watched.page.set_viewport_size({"width": narrow, "height": 900})
            assert watched.page.evaluate("document.documentElement.scrollWidth") <= narrow, address
        watched.page.set_viewport_size({"width": width, "height": 900})
    # The browser notes the pages whose status is an error, as it would note a broken policy.
    assert [said for said in watched.complaints if "status of 4" not in said] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_errors_of_the_other_colour_scheme_are_found(browser_page, scheme):
    page = browser_page(scheme=scheme).page
    faint = {"light": "light-dark(#000, #333)", "dark": "light-dark(#ddd, #fff)"}[scheme]
    page.set_content(
        f"""<html lang="en"><title>t</title><style>:root {{ color-scheme: light dark }}
        body {{ color: {faint}; background: light-dark(#fff, #000) }}</style><main><h1>Words</h1></main>"""
    )
    assert violations(page) == []
    (found,) = violations_in_both_schemes(page)
    assert found.startswith("color-contrast: <h1>")


def test_a_page_asks_foreign_hosts_for_nothing_but_allowed_pictures_and_little_of_its_own(browser_page, site):
    watched = browser_page()
    own = []
    watched.page.on("request", lambda request: own.append(request.url))
    watched.open(site["waiting"][0])
    watched.page.locator("figure").first.scroll_into_view_if_needed()
    picture = watched.page.locator("img").first
    picture.evaluate("img => img.complete || new Promise(done => { img.onload = img.onerror = done })")
    assert watched.foreign == [("image", IMAGES[0]["url"])]
    # The page, its style sheet, its script and two fonts; the favicon is an image.
    assert len([url for url in own if url.startswith(watched.origin) and not url.endswith(".svg")]) <= 5


def test_a_figure_whose_picture_does_not_come_shows_its_drawing_and_its_caption_once(browser_page, site):
    watched = browser_page(reduced_motion="reduce")
    watched.open(site["waiting"][0])
    figure = watched.page.locator("figure").first
    frame = figure.locator(".figure__frame")
    frame.scroll_into_view_if_needed()
    figure.locator("img").evaluate("img => img.complete || new Promise(done => { img.onload = img.onerror = done })")
    assert figure.locator("img").evaluate("img => img.naturalWidth") == 0
    box = frame.bounding_box()
    assert abs(box["width"] / box["height"] - 1200 / 630) < 0.01
    assert figure.locator("svg.placeholder").is_visible()
    assert figure.inner_text().count("A queue that drains") == 1
    # The browser's icon for a broken image must not be seen.
    with_picture = frame.screenshot()
    watched.page.eval_on_selector("figure img", "img => img.remove()")
    assert frame.screenshot() == with_picture


@pytest.mark.parametrize(("name", "steps", "places"), [("home", 7, 5), ("approved", 14, 11)])
def test_a_walk_with_the_keyboard_shows_where_it_is(browser_page, site, name, steps, places):
    watched = browser_page(reduced_motion="reduce")
    watched.open(site[name][0])
    walked = []
    for _ in range(steps):
        watched.page.keyboard.press("Tab")
        at, outline, is_in_view = watched.page.evaluate(
            """() => {
                const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
                return [at.textContent.trim(), style.outlineStyle + ' ' + style.outlineWidth,
                        box.bottom > 0 && box.top < innerHeight && box.width > 0];
            }"""
        )
        walked.append(at)
        assert outline == "solid 3px" and is_in_view, at
    assert walked[0] == "Skip to content" and len(set(walked)) >= places


def test_the_first_key_leads_past_the_header(browser_page, site):
    watched = browser_page()
    watched.open(site["approved"][0])
    watched.page.keyboard.press("Tab")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#main")).to_be_focused()


def test_an_article_is_whole_without_javascript(browser_page, site):
    watched = browser_page(java_script_enabled=False)
    watched.open(site["waiting"][0])
    page = watched.page
    assert page.get_by_text("the very last words").is_visible()
    assert not page.get_by_text("Source id", exact=True).first.is_visible()
    page.get_by_text("How this was made").first.click()
    assert page.get_by_text("Source id", exact=True).first.is_visible()
    assert page.locator(".contents").get_by_text("Four").is_visible()
    page.locator(".fold--notes summary").click()
    assert page.locator(".fold--notes .meta-text").is_visible()


def test_the_margin_rule_marks_only_what_nobody_approved(browser_page, site):
    watched = browser_page()
    rule = "getComputedStyle(document.querySelector('.text'), '::before').borderInlineStartStyle"
    styles = {}
    for name in ("waiting", "bulk", "approved", "flagged"):
        watched.open(site[name][0])
        styles[name] = watched.page.evaluate(rule)
    assert styles == {"waiting": "dashed", "bulk": "dashed", "approved": "none", "flagged": "none"}


def test_script_in_a_record_does_not_run(browser_page):
    payload = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    images = [{"url": "https://dummyimage.com/1/000/fff&text=" + "%3Cscript%3E", "caption": payload, "source": payload}]
    post = make_post(
        title=f"t {payload}",
        body=payload,
        summary=payload,
        notes=[payload],
        payload={payload: payload},
        image_sources=images,
    )
    watched = browser_page()
    watched.open(post.get_absolute_url())
    assert "<script>" in watched.page.locator("h1").inner_text()
    assert watched.page.title() != "owned" and watched.complaints == []
