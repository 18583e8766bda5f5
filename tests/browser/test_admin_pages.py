"""The admin in a real Chromium: mouse, keyboard, no JavaScript, both colour schemes, a phone."""

import json

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from posts.diff.anchors import anchor_at
from posts.models import (
    ApiToken,
    AuditEntry,
    Generator,
    ImageSource,
    Notification,
    OutgoingMessage,
    Post,
    Review,
    Revision,
)
from posts.notifications import tell
from posts.operations import PointDraft, assign_post, begin_edit, flag_post, look_at_rows, save_guideline
from posts.operations.remarks import add_remark
from tests.browser.axe import violations, violations_in_both_schemes
from tests.factories import RecordFactory, approve, edit, fresh, import_records, make_post, person
from tests.test_scorecards_pages import counted

pytestmark = pytest.mark.browser

RECORDS = "imagesource checklistitem revision review reviewflag readerreport release auditentry formerslug".split()
REVISION_VIEWS = ("?view=changes", "?view=record")
PASS_PHRASE = "a long enough pass phrase"

# Every field, with everything that a form could lose: white space, line ends, empty and long values, unseen keys.
HARD_RECORD = {
    "source_id": "hard-1",
    "reference": "FN-1  two  spaces",
    "title": 'Ünïcode „quotes" & <tags> 日本語 🜁',
    "intro": "\n  Leading blanks stay.\r\n\r\nHard break  \nnext line\ttab\u00a0nbsp",
    "body": "```python\nif a:\n\n    pass\n```\n\n\n\nthree line ends\r\n\r\n![](image:1)\n\n[checklist]   ",
    "topic": " leading",
    "summary": "e\u0301 is composed",
    "ai_outline": {"": "no label", "Two\u2028lines": "a\nb", "empty": "", " spaces ": "x"},
    "ai_brief": "</textarea><b>",
    "stack": ["  two  spaces", 'quote"', "a\nb"],
    "tools": ["&amp;", "<x>"],
    "code_language": "go",
    "difficulty": "Between",
    "reading_time": 0,
    "view_count": 2**62,
    "score": {"quality": 84, "own": 1.50},
    "revision": {"version": "3.2.1", "status": "said", "more": [1]},
    "hash": "abc",
    "flags": {"has_images": 1, "needs_human_review": 0, "x": None},
    "checklist": ["one", "two\nlines", " blank before"],
    "entities": [{"name": "Go", "type": "stack", "weight": 3.0, "deep": {"a": [None]}}, {"name": "No type"}],
    "image_sources": [
        {"source": "s", "url": "https://images.unsplash.com/a?b=1&c=2", "camera": {"iso": 100}, "width": 10},
        {"url": "https://loremflickr.com/x.jpg", "alt": ' "alt" '},
    ],
    "payload": {"n": 1, "f": 1.0, "t": True, "none": None, "s": "1", "ml": "a\nb", "deep": {"z": 1, "a": []}, "": ""},
    "notes": ["n\n\nn"],
    "published_on": "0987-06-05",
    "authors": ["A", "A"],
    "tags": ["t"],
    "language": "en",
    "unknown": {"z": 1, "a": [1.0, None, ""]},
}


def sign_in(watched, person):
    """Give the browser a session of this person. The pages of the sign-in cost as much as many a test."""
    client = Client()
    client.force_login(person)
    session = client.cookies["sessionid"].value
    watched.page.context.add_cookies([{"name": "sessionid", "value": session, "url": watched.origin}])


def sign_in_by_form(watched, person):
    watched.open(reverse("admin:login"))
    watched.page.fill("#id_username", person.username)
    watched.page.fill("#id_password", PASS_PHRASE)
    watched.page.press("#id_password", "Enter")
    watched.page.wait_for_url("**/admin/")


def change_address(post):
    return reverse("admin:posts_post_change", args=[post.pk])


def messages(watched):
    return watched.page.locator(".messagelist").inner_text()


@pytest.mark.parametrize("has_script", [True, False])
def test_saving_untouched_makes_no_revision_and_loses_no_byte(browser_page, editor, has_script):
    import_records(HARD_RECORD)
    post = approve(Post.objects.get())
    before = json.dumps(post.working_record(), ensure_ascii=True)
    watched = browser_page(java_script_enabled=has_script)
    sign_in_by_form(watched, editor)
    watched.open(change_address(post))
    watched.follow("text='Save'")
    assert "Nothing changed. It is still 3.2.1, and its approval stays." in messages(watched)
    post = Post.objects.get()
    assert post.revisions.count() == 1
    assert json.dumps(post.working_record(), ensure_ascii=True) == before


def test_an_edit_of_one_field_leaves_all_other_bytes(browser_page, editor):
    import_records(HARD_RECORD)
    before = Post.objects.get().working_record()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(Post.objects.get()))
    watched.page.click("role=tab[name='Subject']")
    watched.page.fill("#id_topic", "Another")
    watched.follow("text='Save'")
    assert "Saved as 3.2.2." in messages(watched)
    assert json.dumps(Post.objects.get().working_record()) == json.dumps(before | {"topic": "Another"})


def test_leaving_with_unsaved_words_warns_and_saving_does_not(browser_page, editor):
    post = make_post()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    asked = []
    watched.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    watched.page.fill("#id_title", "Not saved yet")
    with watched.page.expect_event("dialog"):
        watched.page.click("text='Dashboard'")
    assert watched.page.input_value("#id_title") == "Not saved yet"
    assert asked == ["beforeunload"]
    watched.follow("text='Save'")
    assert "Saved as 1.0.1." in messages(watched)
    watched.follow("text='Dashboard'")
    assert watched.page.url.endswith("/admin/")
    assert asked == ["beforeunload"]


def test_a_text_is_edited_submitted_and_approved_by_keyboard(browser_page, editor, reviewer):
    post = make_post(checklist=["Run it"], stack=["Go"])
    writing = browser_page()
    sign_in_by_form(writing, editor)
    writing.open(change_address(post))
    keys = writing.page.keyboard
    writing.page.focus("role=tab[name='Text']")
    keys.press("ArrowRight")
    expect(writing.page.locator(":focus")).to_have_text("Subject")
    writing.page.wait_for_url("**#part-subject")
    writing.page.focus("[aria-label='Stack 2']")
    keys.type("PostgreSQL")
    assert writing.page.locator("[aria-label^='Stack ']").count() == 4
    writing.page.focus("[aria-label='Remove Stack 1']")
    keys.press("Enter")
    writing.page.focus("#id_why")
    keys.type("Another stack")
    writing.page.focus("text='Save and submit for review'")
    with writing.next_page():
        keys.press("Enter")
    seen_at_once = "Readers see 1.0.1 now, unlisted and marked as not reviewed."
    assert f"Saved as 1.0.1. {seen_at_once} It is now pending review." in messages(writing)
    assert Post.objects.get().stack == ["PostgreSQL"]

    reading = browser_page()
    sign_in_by_form(reading, reviewer)
    reading.open(change_address(post) + "#decide")
    reading.page.focus("text='Approve 1.0.1'")
    with reading.next_page():
        reading.page.keyboard.press("Enter")
    assert "3 of the review guideline not answered: Every number" in messages(reading)
    for key in ("numbers", "facts", "harm"):
        reading.page.focus(f"input[name=answer-{key}]")
        reading.page.keyboard.press("Space")
    reading.page.focus("text='Approve 1.0.1'")
    with reading.next_page():
        reading.page.keyboard.press("Enter")
    assert "Approved. Readers see 1.0.1 now. Search engines: open." in messages(reading)
    assert Post.objects.get().is_indexable and Review.objects.get().reviewer == reviewer
    assert writing.complaints + [one for one in reading.complaints if "422" not in one] == []


def test_without_script_a_post_is_edited_submitted_and_approved_by_mouse(browser_page, editor, reviewer):
    post = make_post(notes=["old"], checklist=["Run it"])
    writing = browser_page(java_script_enabled=False)
    sign_in_by_form(writing, editor)
    writing.open(change_address(post))
    writing.page.fill("[aria-label='Notes 1']", "")
    writing.page.fill("[aria-label='Notes 3']", "new")
    writing.follow("text='Save and submit for review'")
    assert "It is now pending review." in messages(writing)
    reading = browser_page(java_script_enabled=False)
    sign_in_by_form(reading, reviewer)
    reading.open(change_address(post))
    for key in ("numbers", "facts", "harm"):
        reading.page.check(f"input[name=answer-{key}][value=met]")
    reading.follow("text='Approve 1.0.1'")
    assert "Approved." in messages(reading)
    assert Post.objects.get().live_revision.snapshot["notes"] == ["new"]


def test_an_error_opens_its_part_counts_on_the_tab_and_has_the_focus(browser_page, editor):
    post = make_post(image_sources=[{"url": "https://images.unsplash.com/a", "source": "s"}])
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post) + "#part-images")
    watched.page.fill("#id_images-0-url", "ftp://x")
    watched.page.fill("#id_images-0-caption", "Typed and kept")
    watched.follow("text='Save'")
    assert watched.page.locator("role=tab[selected=true]").inner_text() == "Images 1 1 error"
    expect(watched.page.locator("#id_images-0-url")).to_be_focused()
    assert watched.page.input_value("#id_images-0-caption") == "Typed and kept"
    watched.page.click("role=tab[name='Text']")
    watched.page.click("#errors a")
    expect(watched.page.locator("#id_images-0-url")).to_be_focused()


def test_a_stale_save_is_settled_on_the_conflict_page(browser_page, editor):
    record = RecordFactory(summary="Old.", topic="Old topic", body="one\n\nmiddle\n\ntwo")
    import_records(record)
    post = Post.objects.get()
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    import_records(record | {"summary": "Theirs.", "body": "ONE\n\nmiddle\n\ntwo"})
    watched.page.fill("#id_body", "one\n\nmiddle\n\nTWO")
    watched.page.click("role=tab[name='Subject']")
    watched.page.fill("#id_summary", "Mine.")
    watched.follow("text='Save'")
    assert "An import saved this post while you were editing" in watched.page.locator("h1").inner_text()
    assert violations(watched.page) == []
    assert watched.page.locator(".clash input:checked").count() == 0
    watched.follow("text=/^Save merged version/")
    assert "Choose a version of Summary, paragraph 1 first." in messages(watched)
    watched.page.fill(".clash textarea", "Theirs and mine.")
    watched.page.check("text='New version, combined by you'")
    watched.follow("text='Save merged version as 1.0.2'")
    assert "Saved as 1.0.2." in messages(watched)
    head = Post.objects.get().head_revision
    assert (head.snapshot["summary"], head.snapshot["body"]) == ("Theirs and mine.", "ONE\n\nmiddle\n\nTWO")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_admin_has_no_accessibility_violation_breaks_no_policy_and_does_not_scroll_sideways(
    browser_page, superuser, width, scheme
):
    import_records(HARD_RECORD)
    post = approve(make_post(checklist=["one"], image_sources=[{"url": "https://images.unsplash.com/a"}]))
    hard = Post.objects.get(source_id="hard-1")
    edit(hard, summary="Another.")
    hard = fresh(hard)
    Revision.objects.filter(pk=hard.head_revision_id).update(why="x" * 200)
    tell(Notification.Kind.RETURNED, [superuser], text=f"Somebody rejected “{'x' * 300}”", by=None, post=hard)
    assign_post(make_post(title="y" * 300), to=superuser, by=person())
    generator = Generator.objects.create(name="g" * 200)
    ApiToken.objects.create(
        generator=generator, label="t" * 100, digest="0" * 64, hint="alphanode_", created_by=superuser
    )
    cards = counted("c" * 200), counted("Counted")
    mail = OutgoingMessage.objects.create(kind="mail", recipient="a@example.org", subject="z" * 200, body="w" * 500)
    bulk = look_at_rows(begin_edit("licence", {"licence": "CC0"}, by=superuser, rows=ImageSource.objects.all()))
    watched = browser_page(width, scheme)
    watched.open(reverse("admin:login"))
    check(watched)
    sign_in_by_form(watched, superuser)
    words = anchor_at(hard.head_revision.snapshot, "body", 1)
    add_remark(hard.head_revision, words, by=superuser, comment="w" * 300, suggestion="v" * 300)
    long = PointDraft(text="p" * 300, reason_code="facts", help_text="q" * 900)
    some = PointDraft(text="For some.", reason_code="facts", stacks=["s" * 300], kinds=["code"], generators=["t" * 300])
    save_guideline([long, some], by=superuser, read=1, why="u" * 500)
    addresses = [
        reverse("admin:guideline"),
        reverse("admin:guideline_change"),
        reverse("admin:guideline_version", args=[2]),
        reverse("admin:my_work"),
        reverse("admin:posts_generator_changelist"),
        reverse("admin:posts_generator_new"),
        reverse("admin:posts_generator_change", args=[generator.pk]),
        reverse("admin:scorecards"),
        f"{reverse('admin:scorecards_card')}?by=generator&key={cards[0].pk}&other={cards[1].pk}",
        reverse("admin:remarks", args=[hard.pk]),
        reverse("admin:posts_outgoingmessage_changelist"),
        reverse("admin:posts_outgoingmessage_change", args=[mail.pk]),
        reverse("admin:index"),
        reverse("admin:posts_post_changelist"),
        reverse("admin:posts_post_add"),
        change_address(post) + "#decide",
        change_address(hard) + "#decide",
        change_address(post) + "#history",
        reverse("admin:posts_post_history", args=[post.pk]),
        reverse("admin:posts_post_upload"),
        *(change_address(hard) + f"#part-{part}" for part in ("text", "subject", "images", "checklist", "record")),
        *(reverse("admin:posts_revision_change", args=[hard.head_revision_id]) + view for view in REVISION_VIEWS),
        *(reverse(f"admin:posts_{name}_changelist") for name in RECORDS),
        *(reverse("admin:posts_imagesource_change", args=[image.pk]) for image in hard.images.all()),
        reverse("admin:posts_checklistitem_change", args=[hard.checklist_items.last().pk]),
        reverse("admin:posts_review_change", args=[Review.objects.first().pk]),
        reverse("admin:posts_auditentry_change", args=[AuditEntry.objects.first().pk]),
        reverse("admin:queue_bulk", args=[bulk.pk]),
        reverse("admin:password_change"),
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_add"),
        reverse("admin:auth_user_change", args=[superuser.pk]),
        reverse("admin:auth_group_changelist"),
        reverse("admin:auth_group_change", args=[Group.objects.first().pk]),
        reverse("admin:posts_post_releases", args=[post.pk]),
    ]
    for address in addresses:
        watched.page.goto("about:blank")
        watched.open(address)
        watched.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        assert watched.complaints == [], address
        check(watched, address)
        header = watched.page.locator("#header")
        assert header.evaluate("header => header.scrollHeight <= header.clientHeight"), f"{address}: header is squeezed"
        # axe reads style sheets into a document of its own, which the policy complains about.
        watched.complaints.clear()


def check(watched, address=""):
    # A bar that sticks covers parts of what is below it; people scroll, axe does not.
    watched.page.eval_on_selector_all(".save-bar", "bars => bars.forEach(bar => { bar.style.position = 'static' })")
    assert violations_in_both_schemes(watched.page) == [], address
    wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{address} is {wide} px too wide"


def test_the_list_of_posts_fits_a_small_screen_with_the_button_that_flags(browser_page, superuser):
    post = make_post(title="Draining a queue without losing a job, twice", source_id="generated-000342-1075")
    flag_post(post, reason="staff", note="Look again", by=superuser)
    edit(fresh(post), summary="Another.")
    watched = browser_page(1216)
    sign_in(watched, superuser)
    watched.open(reverse("admin:posts_post_changelist"))
    assert watched.page.locator("#result_list").get_by_role("button", name="Flag").count() == 1
    assert watched.page.locator(".results").evaluate("one => one.scrollWidth <= one.clientWidth")


def test_the_theme_is_chosen_in_the_header(browser_page, editor):
    watched = browser_page()
    sign_in_by_form(watched, editor)
    background = "getComputedStyle(document.body).backgroundColor"
    seen = [watched.page.evaluate(background)]
    for _ in range(2):
        watched.page.click(".theme-toggle")
        seen.append(watched.page.evaluate(background))
    assert sorted(set(seen)) == ["rgb(22, 25, 29)", "rgb(255, 255, 255)"]
    assert watched.complaints == []


def test_the_history_comes_into_the_form_when_its_tab_is_opened_and_typed_text_stays(browser_page, editor):
    post = make_post(released=True)
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    watched.page.fill("#id_title", "Typed before the history was opened")
    assert not watched.page.locator("#history table").count()
    watched.page.click("[data-tabs] >> text=History")
    watched.page.wait_for_selector("#history table")
    assert watched.page.is_visible("#history >> text=Full audit trail of this post")
    assert watched.page.input_value("#id_title") == "Typed before the history was opened"
    assert watched.complaints == []
