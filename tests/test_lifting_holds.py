"""Lifting a hold reason of an import: previewed, audited, and never opening a page to search engines."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from posts.errors import NotAllowed
from posts.jobs.runs import run_waiting_jobs
from posts.models import AuditEntry, HoldReason, ImportBatch, Post, PostHold
from posts.operations import Refused
from posts.operations import lift_hold as module
from posts.operations.lift_hold import LiftPlan, held_by_reason, lift_hold, plan_lift
from tests.factories import approve, make_post, person
from tests.markdown_sources import folder_of, import_markdown

pytestmark = pytest.mark.django_db
FILES = {
    "one.md": "---\nstatus: brewing\n---\nText one.",
    "two.md": "---\nstatus: brewing\ndraft: true\n---\nText two.",
    "three.md": "---\ndraft: true\n---\nText three.",
    "four.md": "Text four.",
}


@pytest.fixture
def batch(tmp_path):
    return import_markdown(folder_of(tmp_path / "blog", FILES))


def held():
    return sorted(Post.objects.filter(held=True).values_list("slug", flat=True))


def test_an_import_says_how_many_of_its_posts_are_held_and_why(batch):
    assert batch.breakdown["held"] == {"Draft": 1, "Unknown value": 1, "Draft, Unknown value": 1}
    assert sorted(held_by_reason(batch)) == [(HoldReason.DRAFT, 2), (HoldReason.UNKNOWN, 2)]


def test_a_lifted_reason_frees_what_nothing_else_holds_and_opens_nothing_to_search_engines(batch, client):
    staff = person("Staff")
    assert client.get("/posts/one/").status_code == 404
    assert plan_lift(batch, HoldReason.UNKNOWN) == LiftPlan(frees=1, stay_held=1, were_released=0)
    assert lift_hold(batch, "unknown", by=staff, why="Brewing is fine.") == 1
    assert held() == ["three", "two"]
    answer = client.get("/posts/one/")
    assert answer.status_code == 200 and answer["X-Robots-Tag"] == "noindex"
    assert client.get("/posts/two/").status_code == 404
    assert not Post.objects.indexable().exists() and "/posts/one/" not in client.get("/").content.decode()
    assert lift_hold(batch, "draft", by=staff) == 2 and held() == []
    entries = AuditEntry.objects.filter(action="hold lifted", made_by=staff)
    assert (
        entries.filter(post__isnull=False).count() == 4 and entries.filter(detail__contains="Brewing is fine.").exists()
    )
    with pytest.raises(Refused, match="No post of import"):
        lift_hold(batch, "draft", by=staff)


def test_lifting_needs_the_right_to_import(batch):
    with pytest.raises(NotAllowed):
        lift_hold(batch, "draft", by=person("Reviewers"))
    assert held() == ["one", "three", "two"]


def test_lifting_goes_on_where_it_was_killed(batch, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)

    def killed(posts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lift_hold(batch, "draft", by=None, on_chunk=killed)
    assert PostHold.objects.filter(reason="draft", lifted_at=None).count() == 1
    lift_hold(batch, "draft", by=None)
    assert held() == ["one", "two"]


def test_a_reason_that_staff_lifted_does_not_hold_the_post_again(batch, tmp_path):
    lift_hold(batch, "draft", by=None)
    files = FILES | {"three.md": "---\ndraft: true\n---\nText three, changed."}
    import_markdown(folder_of(tmp_path / "blog", files))
    assert held() == ["one", "two"]
    import_markdown(folder_of(tmp_path / "blog", {"three.md": "---\ndraft: true\nprivate: true\n---\nText three."}))
    assert held() == ["one", "three", "two"]


def test_what_was_held_before_reasons_were_recorded_is_lifted_as_such(batch):
    PostHold.objects.filter(post__slug__in=["one", "three"]).delete()
    assert dict(held_by_reason(batch)) == {"not_recorded": 2, "draft": 1, "unknown": 1}
    assert lift_hold(batch, "not_recorded", by=None) == 2
    assert held() == ["two"] and PostHold.objects.filter(reason="not_recorded", lifted_at__isnull=False).count() == 2


def test_a_post_that_was_released_stays_as_people_left_it(batch):
    post = Post.objects.get(slug="one")
    approve(post)
    Post.objects.filter(pk=post.pk).update(held=True)
    assert plan_lift(batch, HoldReason.UNKNOWN) == LiftPlan(frees=0, stay_held=1, were_released=1)
    lift_hold(batch, "unknown", by=None)
    assert "one" in held()


def test_staff_lift_a_reason_from_the_page_of_the_import(batch, client):
    staff = person("Staff")
    client.force_login(staff)
    page = client.get(reverse("admin:posts_importbatch_change", args=[batch.pk])).content.decode()
    address = reverse("admin:posts_importbatch_hold", args=[batch.pk, "unknown"])
    assert address in page and "status: brewing" in page and "Unknown value" in page
    assert "came in held" not in page, "the table says it"
    preview = client.get(address).content.decode()
    assert "<strong>1</strong> post is held for this reason alone" in preview and held() == ["one", "three", "two"]
    act = reverse("admin:posts_importbatch_act", args=[batch.pk, "lift"])
    assert client.post(act, {"reason": "unknown", "why": "Fine."}, follow=True).status_code == 200
    assert run_waiting_jobs() == 1
    assert held() == ["three", "two"]
    assert client.get(reverse("admin:posts_importbatch_hold", args=[batch.pk, "nothing"])).status_code == 404
    post = Post.objects.get(slug="three")
    assert "Draft (draft: true)" in client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()


def test_a_reviewer_sees_what_holds_a_post_before_an_approval_ends_it(batch, client):
    client.force_login(person("Reviewers"))
    post = Post.objects.get(slug="three")
    for page in ("admin:review", "admin:posts_post_change"):
        html = client.get(reverse(page, args=[post.pk])).content.decode()
        assert "Its source holds it back (Draft (draft: true)); approval ends that." in html
    screen = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    assert "Held back by its source" in screen
    shown = Post.objects.get(slug="four")
    assert "back" not in words_of_bar(client.get(reverse("admin:review", args=[shown.pk])).content.decode())


def words_of_bar(html):
    return html.split('id="review-state"')[1].split("</p>")[0]


def test_people_without_the_right_see_the_numbers_and_lift_nothing(batch, client):
    client.force_login(person("Reviewers"))
    address = reverse("admin:posts_importbatch_hold", args=[batch.pk, "unknown"])
    assert client.get(address).status_code == 403
    act = reverse("admin:posts_importbatch_act", args=[batch.pk, "lift"])
    assert client.post(act, {"reason": "unknown"}).status_code == 403 and held() == ["one", "three", "two"]


def test_the_command_says_why_posts_are_held_rehearses_and_lifts(batch, capsys):
    call_command("lift_hold", str(batch.pk))
    assert "2 held: draft (Draft)" in capsys.readouterr().out
    call_command("lift_hold", str(batch.pk), "draft", "--dry-run")
    assert "Would free 1 posts; 1 stay held" in capsys.readouterr().out and len(held()) == 3
    call_command("lift_hold", str(batch.pk), "draft")
    assert "1 posts are no longer held" in capsys.readouterr().out and len(held()) == 2
    with pytest.raises(CommandError, match="No import has this number"):
        call_command("lift_hold", "999")


def test_the_rehearsal_lists_reasons_and_unknown_values(tmp_path, capsys):
    folder = folder_of(tmp_path / "blog", FILES)
    call_command("import_posts", folder, format="markdown", dry_run=True)
    said = capsys.readouterr().out
    assert ("3 held" in said and "1 × Draft, Unknown value." in said) or "1 × Unknown value, Draft." in said
    assert "status: brewing: 2" in said and not ImportBatch.objects.exists()


def test_a_released_post_holds_nothing_in_the_admin(client, admin_user):
    client.force_login(admin_user)
    post = make_post(released=True)
    assert "<h2>Held back</h2>" not in client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
