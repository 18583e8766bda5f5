"""The printed article: complete, without controls."""

import io

import pytest
from pypdf import PdfReader

from tests.every_page import IMAGES, full_post
from tests.factories import approve, make_post

pytestmark = pytest.mark.browser


def shown(page, selector):
    return page.locator(selector).first.is_visible()


def test_print_opens_what_is_folded_and_leaves_out_what_is_clicked(browser_page):
    post = full_post(image_sources=IMAGES)
    watched = browser_page()
    watched.open(post.get_absolute_url())
    watched.page.emulate_media(media="print")
    for selector in (
        ".trail",
        ".provenance__wide",
        ".fold--notes .meta-text",
        ".fold--payload .meta-text",
        ".more .meta-text",
    ):
        assert shown(watched.page, selector), selector
    assert shown(watched.page, ".end-line")
    # A script of thirty lines that nobody types from paper is among what stays behind.
    for selector in (
        ".site-nav", ".contents", ".similar", ".report-line", ".colour-switch", ".code__copy", ".site-footer", ".check",
    ):  # fmt: skip
        assert watched.page.locator(selector).count() and not shown(watched.page, selector), selector


def test_folds_open_for_paper_and_close_again_where_style_sheets_can_not_do_it(browser_page):
    watched = browser_page()
    watched.open(full_post().get_absolute_url())
    notes = watched.page.locator(".fold--notes")
    watched.page.locator(".fold--payload > summary").click()
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert notes.get_attribute("open") is not None
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert notes.get_attribute("open") is None
    assert watched.page.locator(".fold--payload").get_attribute("open") is not None


def test_on_paper_code_wraps_and_links_say_where_they_lead(browser_page):
    body = (
        "## A\n\n[a link](https://example.org/x), [a place](#b), https://bare.example/y\n\n```python\nprint('"
        + "wide " * 60
        + "')\n```"
    )
    watched = browser_page(700)
    watched.open(make_post(body=body).get_absolute_url())
    page = watched.page
    page.emulate_media(media="print")
    after = "(link) => getComputedStyle(link, '::after').content"
    shown = [link.evaluate(after) for link in page.locator(".text p a").all()]
    assert shown == ['" (https://example.org/x)"', "none", "none"]
    assert page.locator(".text pre").evaluate("(pre) => pre.scrollWidth <= pre.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="screen")
    assert page.locator(".text pre").evaluate("(pre) => pre.scrollWidth > pre.clientWidth")


SENTENCE = "A worker that stops in the middle of a job leaves rows that nobody owns and a reader who waits. "
PLATE = """<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630"><rect width="1200" height="630"/></svg>"""


def article_of_440_words():
    """Return an approved post with 440 words, code, a table, six pictures and a value in every field."""
    places = [f"![](image:{number})" for number in range(1, 7)]
    sections = [f"## Part {number}\n\n{SENTENCE * 4}" for number in range(1, 6)]
    sections[1] += "\n\n```python\n" + "value = compute(value)\n" * 12 + "```"
    sections[2] += "\n\n| a | b |\n|---|--:|\n| one | 1 |\n| two | 2 |"
    body = "\n\n".join(f"{section}\n\n{places[at]}" for at, section in enumerate(sections))
    return approve(
        make_post(
            body=body,
            image_sources=[
                {
                    "url": f"https://images.unsplash.com/photo-{number}?auto=format&fit=crop&w=1200&q=80&cs=tinysrgb",
                    "caption": f"What the queue looked like on day {number} of the week in question",
                    "alt": f"A chart with {number} bars",
                    "source": "unsplash",
                    "licence": "Unsplash Licence",
                    "width": 1200,
                    "height": 630,
                }
                for number in range(1, 7)
            ],
            ai_outline={"context": "workers", "problem": "lost jobs", "recommended_action": "drain them"},
            ai_brief=SENTENCE * 2, difficulty="intermediate", reading_time=4, view_count=12345, code_language="python",
            score={"quality": 84, "freshness": 70, "depth": 61, "clarity": 90},
            flags={"ai_generated_style": 1, "has_images": 1, "image_heavy": 1, "needs_human_review": 0},
            checklist=[f"Check number {number}" for number in range(6)],
            entities=[{"name": f"Thing {number}", "type": "tool"} for number in range(8)],
            payload={"generator": "g", "seed": 1, "paragraphs": 9, "scenario": "a long night"},
            notes=["One note.", "Another note."], tags=["queues", "workers"], authors=["Jane Doe"],
        )
    )  # fmt: skip


@pytest.mark.parametrize("pictures", ["come", "are missing"])
@pytest.mark.parametrize("width", [1280, 390])
def test_an_article_of_440_words_takes_four_pages_and_begins_on_the_first(browser_page, width, pictures):
    watched = browser_page(width)
    if pictures == "come":
        watched.page.route(
            "https://images.unsplash.com/**",
            lambda route: route.fulfill(body=PLATE, content_type="image/svg+xml"),
        )
    watched.open(article_of_440_words().get_absolute_url())
    for picture in watched.page.locator("figure img").all():
        picture.scroll_into_view_if_needed()
        picture.evaluate("img => img.complete || new Promise(done => { img.onload = img.onerror = done })")
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(watched.page.pdf(format="A4"))).pages]
    assert len(pages) <= 4
    words = [" ".join(page.split()) for page in pages]
    assert words[0].count("leaves rows that nobody owns") >= 4
    assert "AlphaNode post meta" in " ".join(words[1:]) and "Another note." in words[-1]
    for row in ("Difficulty: intermediate", "Score: Quality 84", "Checklist: 1. Check number 0; 2. Check"):
        assert row in " ".join(words), row


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pdf_holds_the_last_paragraph_and_every_fold(browser_page, width):
    long = "\n\n".join(f"Paragraph {number} says a few words about draining." for number in range(120))
    post = make_post(body=f"## A\n\n{long}\n\nThese are the very last words.", notes=["a note from the record"])
    watched = browser_page(width)
    watched.open(post.get_absolute_url())
    pdf = PdfReader(io.BytesIO(watched.page.pdf(format="A4")))
    words = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert len(pdf.pages) > 3
    for said in ("Paragraph 0 says", "Paragraph 119 says", "the very last words", "a note from the record"):
        assert said in words, said
    assert post.head_revision.fingerprint in words.replace(" ", "")
    assert "Report a problem" not in words
