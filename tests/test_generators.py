"""Generators: their names in records, what people say about them, and what follows for their posts."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from posts.importing import generators
from posts.importing.declare_origin import declare_origin
from posts.importing.generators import assign_generator, save_generator
from posts.jobs import run_waiting_jobs
from posts.models import AuditEntry, Generator, ImportBatch, Post, Term
from posts.models.authorship import Writing, writing_of
from posts.operations import NotAllowed, Refused
from tests.factories import RecordFactory, approve, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db


def described(name="penwright 3", **columns):
    return save_generator(Generator(name=name, **columns), by=person("Staff"))


def of_generator(name="penwright 3", **fields):
    return RecordFactory(payload={"generator": name}, **fields)


def origin_of(post):
    post = fresh(post)
    return writing_of(post, post.head_revision).origin


def change_page(generator):
    return reverse("admin:posts_generator_change", args=[generator.pk])


def typed(generator, **changes):
    """Return the form of a generator as a person sends it."""
    names = "name kind model_version prompt_version owner_id contact guideline state backlog_limit".split()
    values = {name.removesuffix("_id"): getattr(generator, name) for name in names} | changes
    return {"act": "save"} | {name: "" if value is None else value for name, value in values.items()}


def test_a_name_in_records_that_nobody_knows_waits_for_a_description(client):
    import_records(of_generator(), of_generator(" penwright \n 3"), of_generator("other"), RecordFactory())
    assert set(Generator.objects.values_list("name", "kind", "is_described")) == {
        ("penwright 3", "not_stated", False),
        ("other", "not_stated", False),
    }
    assert sorted(Post.objects.values_list("known_generator__name", flat=True), key=str) == [
        None, "other", "penwright 3", "penwright 3",
    ]  # fmt: skip
    client.force_login(person("Staff"))
    page = client.get(change_page(Generator.objects.get(name="other"))).content.decode()
    assert "Say below who writes its posts." in page


def test_a_rehearsal_stores_no_name():
    import_records(of_generator(), dry_run=True)
    assert not Generator.objects.exists()


def test_a_source_that_names_another_generator_in_each_record_fills_no_table(monkeypatch):
    monkeypatch.setattr(generators, "MOST_UNDESCRIBED", 3)
    described()
    import_records(*(of_generator(f"robot {number}") for number in range(5)))
    import_records(of_generator(), of_generator("robot 9"))
    assert Generator.objects.count() == 4
    assert Post.objects.filter(known_generator=None).count() == 3


def test_who_wrote_the_posts_of_mixed_files_follows_as_soon_as_people_describe_their_generators(client):
    records = [of_generator(name, authors=["Jane Doe"]) for name in ("model", "model", "script", "desk")]
    import_records(*records)
    posts = [approve(Post.objects.get(source_id=record["source_id"])) for record in records]
    client.force_login(person("Staff"))
    for name, kind in [("model", "trained_model"), ("script", "fixed_algorithm"), ("desk", "people")]:
        generator = Generator.objects.get(name=name)
        answer = client.post(change_page(generator), typed(generator, kind=kind), follow=True)
        assert "Saved." in answer.content.decode()
    # A record can name a machine; that people wrote it, only its import or token can say.
    assert [origin_of(post) for post in posts] == ["trained_model", "trained_model", "fixed_algorithm", "not_stated"]
    page = client.get(posts[2].get_absolute_url()).content.decode()
    assert Writing("fixed_algorithm", False).sentence in page
    assert all(Post.objects.get(pk=post.pk).live_approval_id == post.live_approval_id for post in posts)
    assert Term.objects.get(kind="author").listed_count == 4
    run_waiting_jobs()
    assert Term.objects.get(kind="author").listed_count == 1
    assert AuditEntry.objects.filter(action="generator changed", detail__contains="kind Not stated → ").count() == 3


def test_what_was_declared_for_an_import_counts_more_than_a_name_in_its_records():
    described(kind="trained_model")
    import_records(of_generator(), origin="people")
    assert origin_of(Post.objects.get()) == "people"


def test_an_import_that_belongs_to_a_generator_says_what_the_generator_says(client):
    desk = described("desk", kind="people")
    post = make_post(released=True, authors=["Jane Doe"])
    with pytest.raises(NotAllowed):
        assign_generator(post.last_batch, desk, by=person("Editors"))
    client.force_login(person("Staff"))
    act = reverse("admin:posts_importbatch_act", args=[post.last_batch_id, "assign"])
    for odd in ("", "x", "0", str(2**63)):
        page = client.post(act, {"generator": odd}, follow=True).content.decode()
        assert "Choose a generator from the list." in page
    assert "belongs to desk" in client.post(act, {"generator": desk.pk}, follow=True).content.decode()
    assert origin_of(post) == "people"
    run_waiting_jobs()
    assert fresh(post).known_generator == desk
    with pytest.raises(Refused, match="are by desk, which says who writes them"):
        declare_origin(post.last_batch, "trained_model", by=person("Staff"))
    client.post(change_page(desk), typed(desk, kind="trained_model"))
    assert origin_of(post) == "trained_model"
    run_waiting_jobs()
    assert not Term.objects.filter(kind="author", listed_count__gt=0).exists()


def test_posts_from_before_belong_to_the_generator_that_their_records_name():
    import_records(of_generator(), RecordFactory())
    Post.objects.update(known_generator=None)
    Generator.objects.all().delete()
    generators.follow_generator(described(kind="trained_model"))
    assert sorted(origin_of(post) for post in Post.objects.all()) == ["not_stated", "trained_model"]


@pytest.mark.parametrize("is_named_by_import", [True, False])
def test_posts_of_a_paused_generator_come_in_held_and_no_released_post_is_touched(is_named_by_import):
    generator = described()
    released, waiting = of_generator(), of_generator()
    import_records(released, waiting, generator=generator if is_named_by_import else None)
    approve(Post.objects.get(source_id=released["source_id"]))
    generator.state = Generator.State.PAUSED
    save_generator(generator, by=person("Staff"))
    new, other = of_generator(), of_generator("other")
    batch = import_records(
        *({**record, "body": "Changed."} for record in (released, waiting)), new,
        generator=generator if is_named_by_import else None,
    )  # fmt: skip
    import_records(other)
    held = dict(Post.objects.values_list("source_id", "held"))
    assert held == {
        released["source_id"]: False,
        waiting["source_id"]: True,
        new["source_id"]: True,
        other["source_id"]: False,
    }
    assert Post.objects.get(source_id=new["source_id"]).holds.get().detail == "penwright 3"
    assert batch.breakdown["held"] == {"Generator is paused": 2}
    assert not [text for text in batch.breakdown["warnings"] if "not public at its source" in text]


def test_the_command_names_the_generator_of_a_file(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text('{"source_id": "a", "title": "T", "slug": "t", "body": "B"}', encoding="utf-8")
    with pytest.raises(CommandError, match="No generator is named penwright 3"):
        call_command("import_posts", str(file), "--generator=penwright 3")
    described(kind="fixed_algorithm")
    call_command("import_posts", str(file), "--generator=penwright 3")
    assert ImportBatch.objects.get().origin == "fixed_algorithm"


def test_only_staff_describe_generators_and_everybody_at_the_desk_reads_them(client):
    generator = described(guideline="https://example.org/rules <b>", contact="pen@example.org")
    with pytest.raises(NotAllowed):
        save_generator(generator, by=person("Reviewers"))
    client.force_login(person("Editors"))
    page = client.get(change_page(generator)).content.decode()
    assert (
        'href="https://example.org/rules"' in page and "&lt;b&gt;" in page and "<button" not in page.partition("<h1")[2]
    )
    assert client.post(change_page(generator), typed(generator, state="paused")).status_code == 403
    assert Generator.objects.get().state == "active"


def test_a_form_with_a_taken_name_is_given_back(client):
    described()
    client.force_login(person("Staff"))
    new = reverse("admin:posts_generator_new")
    answer = client.post(new, typed(Generator(name="penwright 3")))
    assert answer.status_code == 422 and "already exists" in answer.content.decode()
    assert client.post(new, typed(Generator(name="penwright 4"))).status_code == 302
    assert Generator.objects.get(name="penwright 4").is_described


def test_a_reviewer_reads_the_guideline_of_the_generator_beside_its_post(client):
    generator = described(guideline="Every command was run. <b>See</b> https://example.org/rules")
    import_records(of_generator(), of_generator("somebody else"))
    ours, others = (
        Post.objects.filter(known_generator=generator).get(),
        Post.objects.exclude(known_generator=generator).get(),
    )
    client.force_login(person())
    page = client.get(reverse("admin:review", args=[ours.pk])).content.decode()
    section = page[page.index('id="generator-guideline"') :].partition("</section>")[0]
    assert "penwright 3" in section and "Every command was run. &lt;b&gt;" in section
    assert 'href="https://example.org/rules"' in section
    assert "generator-guideline" not in client.get(reverse("admin:review", args=[others.pk])).content.decode()
