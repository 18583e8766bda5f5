"""The comparison of two texts in a real Chromium."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from posts.models import Post
from posts.operations import record_revision
from tests.browser.axe import violations_in_both_schemes
from tests.factories import approve, make_post, person

pytestmark = pytest.mark.browser

OLD = """## Why workers lose jobs

The scheduler sends `SIGTERM` and waits thirty seconds. A job that needs longer is cut off.

Most teams notice this only when customers complain. A stale lock is worse than a lost job, since nobody looks for it.

The [lease rules](https://docs.example.org/queue/leases) decide how long nobody else may take the job.

```go
pool.StopTaking()
pool.Drain(ctx, 30*time.Second)
```

![](image:1)

## Steps

[checklist]

| a | b |
|---|--:|
| 1 | 2 |

The end of it."""
NEW = (
    OLD.replace("thirty", "ninety")
    .replace("Most teams notice this only when customers complain", "In our measurements 4 of 1,000 left a stale lock")
    .replace("leases)", "lease-rules)")
    .replace("30*time.Second)", "90*time.Second)\npool.ReleaseLeases(ctx)")
    .replace("| 1 | 2 |", "| 1 | 3 |")
    .replace("## Steps", "### Steps")
)
POINTS = ["Set the grace period", "Stop taking jobs", "Give back leases", "Measure the longest job"]
IMAGE = {"source": "unsplash", "url": "https://images.unsplash.com/photo-1", "caption": "Queue depth"}


def changed_post():
    post = make_post(body=OLD, checklist=POINTS, image_sources=[IMAGE], difficulty="beginner", released=True)
    record = post.working_record() | {
        "body": NEW,
        "checklist": [POINTS[3], *POINTS[:3]],
        "image_sources": [IMAGE | {"url": "https://images.unsplash.com/photo-2"}],
        "difficulty": "intermediate",
        "tools": ["pgx", "make", "testcontainers"],
    }
    record_revision(post, record, by=person("Editors"), bump="minor")
    return Post.objects.get(pk=post.pk)


def sign_in(watched, client, user):
    client.force_login(user)
    cookie = client.cookies["sessionid"]
    watched.page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": watched.origin}])


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_comparisons_have_no_accessibility_violation_and_do_not_scroll_sideways(browser_page, client, width, scheme):
    post = changed_post()
    watched = browser_page(width, scheme)
    sign_in(watched, client, person("Reviewers"))
    compare = reverse("admin:posts_post_compare", args=[post.pk])
    pages = [f"{compare}?view={view}" for view in ("sides", "column", "pages", "record")]
    for address in [*pages, reverse("admin:posts_post_marked", args=[post.pk])]:
        watched.open(address)
        watched.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        assert violations_in_both_schemes(watched.page, context={"exclude": [["#header"]]}) == [], address
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        # The server of the tests sends files past the header table, so a frame without an origin gets no fonts here.
        assert [c for c in watched.complaints if "font" not in c and "ERR_FAILED" not in c] == []


def test_the_frames_show_both_texts_and_run_no_script(browser_page, client):
    post = changed_post()
    watched = browser_page(1440)
    sign_in(watched, client, person("Editors"))
    watched.open(reverse("admin:posts_post_compare", args=[post.pk]) + "?view=pages")
    frames = watched.page.locator("iframe")
    assert frames.evaluate_all("all => all.map(one => one.getAttribute('sandbox'))") == ["", ""]
    expect(watched.page.frame_locator("iframe >> nth=0").locator("body")).to_contain_text("thirty seconds")
    expect(watched.page.frame_locator("iframe >> nth=1").locator("body")).to_contain_text("ninety seconds")


def test_a_comparison_is_chosen_and_an_older_text_restored_without_javascript(browser_page, client):
    post = changed_post()
    watched = browser_page(1440, java_script_enabled=False)
    sign_in(watched, client, person("Editors"))
    watched.open(reverse("admin:posts_post_compare", args=[post.pk]))
    page = watched.page
    assert "Compare 1.0.0 with 1.1.0" in page.locator("h1").inner_text()
    page.select_option("select[name=old]", "2")
    watched.follow(".diff-choose button")
    assert "The two revisions are the same" in page.locator(".diff-summary").inner_text()
    page.select_option("select[name=old]", "1")
    watched.follow(".diff-choose button")
    watched.follow("button:has-text('Restore 1.0.0 as a new revision')")
    assert "Restored 1.0.0 as 1.1.1" in page.locator("body").inner_text()


def test_signs_and_words_stay_when_windows_takes_the_colours_away(browser_page, client):
    post = approve(changed_post())
    watched = browser_page(1440, forced_colors="active")
    sign_in(watched, client, person("Editors"))
    watched.open(reverse("admin:posts_post_compare", args=[post.pk]) + "?old=1&new=2")
    added = watched.page.locator("ins").filter(has_text="ninety").first
    assert added.evaluate("one => getComputedStyle(one).textDecorationLine") == "underline"
    assert added.evaluate("one => getComputedStyle(one, '::before').content").startswith('"+"')
    removed = watched.page.locator("del").filter(has_text="thirty").first
    assert removed.evaluate("one => getComputedStyle(one).textDecorationLine") == "line-through"
    assert "removed: " in removed.text_content()
