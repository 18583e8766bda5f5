"""The trail above a page of the admin: one way of making it, and every step leads somewhere."""

from html.parser import HTMLParser

import pytest
from django.conf import settings

from posts.operations import submit_revision
from posts.review_queue.scoring import score_new
from tests.every_admin_page import every_admin_page
from tests.factories import edit, fresh, make_post, person

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Trail(HTMLParser):
    """Collects [(words, address or None)] of each trail of a page."""

    def __init__(self, html):
        super().__init__()
        self.trails, self._open, self._href = [], False, None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "nav" and attributes.get("aria-label") == "Breadcrumbs":
            self.trails.append([])
            self._open = True
        if self._open and tag in ("a", "span"):
            self.trails[-1].append(("", attributes.get("href")))

    def handle_endtag(self, tag):
        if tag == "nav":
            self._open = False

    def handle_data(self, data):
        if self._open and self.trails[-1] and data.strip(" ›\n"):
            words, href = self.trails[-1][-1]
            self.trails[-1][-1] = (words + data.strip(), href)


@pytest.fixture
def trails(client, superuser):
    """Return {name: its trails} of the pages that show the frame of the admin."""
    post = make_post(released=True, checklist=["Try it."])
    edit(post, summary="Changed.")
    submit_revision(fresh(post), by=person("Editors"))
    score_new()
    client.force_login(superuser)
    found = {}
    for name, address in every_admin_page(superuser).items():
        answer = client.get(address)
        if answer.status_code == 200 and 'id="header"' in (html := b"".join(answer).decode()):
            found[name] = Trail(html).trails
    return found


def is_list(name):
    return name.endswith("_changelist") or name in ("index", "queue", "my_work", "review")


def test_a_page_has_one_trail_from_its_list_to_its_own_name_and_a_list_has_none(trails):
    # The navigation shows which list is open.
    lists = [shown for name, shown in trails.items() if is_list(name)]
    assert len(lists) > 10
    assert not any(lists)
    pages = {name: shown for name, shown in trails.items() if not is_list(name)}
    assert len(pages) > 30
    assert {name: shown for name, shown in pages.items() if len(shown) != 1} == {}
    for (
        *steps,
        (own_name, own_address),
    ) in (shown[0] for shown in pages.values()):
        assert steps
        assert all(words and href for words, href in steps)
        assert own_name
        assert own_address is None


def test_every_step_of_a_trail_leads_to_a_page(trails, client):
    addresses = {href for shown in trails.values() for trail in shown for _, href in trail if href}
    assert len(addresses) > 10
    assert {href: status for href in addresses if (status := client.get(href).status_code) != 200} == {}


def test_a_trail_begins_with_the_list_and_ends_with_what_the_page_is(trails):
    def words(name):
        return [words for words, _ in trails[name][0]]

    title = words("posts_post_flag")[1]
    assert words("posts_post_releases") == ["Posts", title, "Releases"]
    assert words("posts_checklistitem_change") == ["Checklist items", title, "Checklist item 1"]
    assert words("auth_group_history")[:2] == ["Dashboard", "Groups"]
    assert words("scorecards_card") == ["Generators", "Scorecards", "Not stated"]
    assert words("guideline_change") == ["Review queue", "Review guideline", "Change"]


def test_no_template_writes_a_trail_of_its_own():
    templates = (settings.BASE_DIR / "templates" / "admin").rglob("*.html")
    assert [path.name for path in templates if 'class="crumbs"' in path.read_text()] == ["_trail.html"]
