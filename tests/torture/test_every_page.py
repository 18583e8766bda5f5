"""Every page and a hundred awkward posts in a real Chromium, at widths and in modes that CI has no time for."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from posts.models import Post, Term
from posts.synthesis.plants import KINDS, synthesize_planted
from tests.every_page import make_every_page
from tests.factories import import_records

pytestmark = pytest.mark.torture

PLAN = {kind: 0.9 / len(KINDS) for kind in KINDS}
WALKS = {
    "320 light": {"width": 320, "scheme": "light"},
    "320 dark": {"width": 320, "scheme": "dark"},
    "768 light": {"width": 768, "scheme": "light"},
    "1920 dark": {"width": 1920, "scheme": "dark"},
    "320 without JavaScript": {"width": 320, "java_script_enabled": False},
    "1280 in forced colours": {"width": 1280, "forced_colors": "active"},
    "on paper": {"width": 680, "media": "print"},
}
FITS = "document.documentElement.scrollWidth <= innerWidth"
OPEN = "document.querySelectorAll('details').forEach((fold) => { fold.open = true })"


@pytest.fixture
def addresses(browser_page, settings):
    settings.DEBUG = False
    pages = make_every_page(kinds=Term.Kind.values)
    import_records(*(synthesize_planted(seed, PLAN)[0] for seed in range(1, 101)))
    planted = Post.objects.visible().filter(source_id__startswith="synth-")
    assert planted.count() == 100
    return [address for address, _ in pages.values()] + [post.get_absolute_url() for post in planted]


@pytest.mark.parametrize("walk", WALKS)
def test_no_page_breaks(browser_page, addresses, walk):
    options = dict(WALKS[walk])
    media = options.pop("media", None)
    watched = browser_page(**options)
    for address in addresses:
        watched.open(address)
        if media:
            watched.page.emulate_media(media=media)
        watched.page.evaluate(OPEN)
        assert watched.page.evaluate(FITS), address
        if options.get("java_script_enabled", True) and not media:
            found = Axe().run(watched.page)
            assert found.violations_count == 0, address + found.generate_report()
    assert [said for said in watched.complaints if "status of 4" not in said] == []


def test_every_stop_of_the_keyboard_can_be_seen(browser_page, addresses):
    watched = browser_page(390, reduced_motion="reduce")
    for address in addresses[:20]:
        watched.open(address)
        stops = watched.page.evaluate(
            "document.querySelectorAll('a[href], button, summary, input, [tabindex=\"0\"]').length"
        )
        for _ in range(min(stops, 60)):
            watched.page.keyboard.press("Tab")
            outline, is_in_view = watched.page.evaluate(
                """() => {
                    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
                    return [at === document.body ? '' : style.outlineStyle,
                            at === document.body || (box.bottom > 0 && box.top < innerHeight)];
                }"""
            )
            assert outline in ("", "solid", "auto") and is_in_view, address
