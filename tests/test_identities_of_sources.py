"""Two sites never overwrite each other: identities belong to one source, or the import asks for its site."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from posts.importing.mapping import Mapping
from posts.importing.sources import SourceUnreadable
from posts.models import ImportBatch, Post
from tests.factories import person
from tests.markdown_sources import folder_of, import_markdown, outcomes, zip_of
from tests.test_wxr_reader import HEAD, bring_in, item

pytestmark = pytest.mark.django_db
NAMELESS = "\n".join(
    line for line in HEAD.splitlines() if not any(name in line for name in ("<link>", "base_site_url", "base_blog_url"))
)


def local(port):
    return HEAD.replace("https://blog.example", f"http://localhost:{port}").replace("https://network.example", "")


def write_export(path, head, title):
    path.write_bytes((head + item(title, f"<p>{title}</p>", link="") + "</channel></rss>").encode())
    return str(path)


def titles():
    return sorted(Post.objects.values_list("source_id", "title"))


def test_an_export_that_names_no_site_is_refused_and_asks_for_it(tmp_path):
    file = write_export(tmp_path / "a.xml", NAMELESS, "Site A")
    with pytest.raises(CommandError, match=r"does not say which site it comes from.*--site"):
        call_command("import_posts", file, format="wxr")
    assert not Post.objects.exists() and not ImportBatch.objects.filter(created__gt=0)
    call_command("import_posts", file, format="wxr", site="a.example")
    call_command(
        "import_posts", write_export(tmp_path / "b.xml", NAMELESS, "Site B"), format="wxr", site="https://b.example/"
    )
    assert titles() == [("wordpress:a.example:7", "Site A"), ("wordpress:b.example:7", "Site B")]


def test_a_mapping_file_names_the_site_of_an_export_as_well():
    with pytest.raises(SourceUnreadable, match="does not say which site"):
        bring_in(item(link="https://elsewhere.example/a/"), head=NAMELESS)
    bring_in(item(), head=NAMELESS, mapping=Mapping.read("site: a.example"))
    assert Post.objects.get().source_id == "wordpress:a.example:7"


def test_two_sites_on_a_machine_of_their_own_do_not_overwrite_each_other(tmp_path, capsys):
    first = write_export(tmp_path / "a.xml", local(8080), "Site A")
    call_command("import_posts", first, format="wxr")
    other = write_export(tmp_path / "b.xml", local(8080), "Site B")
    with pytest.raises(CommandError, match="1 row"):
        call_command("import_posts", other, format="wxr")
    said = capsys.readouterr().err
    assert "nothing was overwritten" in said and "--site localhost:8080 (Site in the form" in said
    assert [title for _, title in titles()] == ["Site A"]
    call_command("import_posts", other, format="wxr", site="b")
    write_export(tmp_path / "a.xml", local(8080), "Site A, changed")
    call_command("import_posts", first, format="wxr")
    assert [title for _, title in titles()] == ["Site B", "Site A, changed"]


@pytest.mark.parametrize("kind", ["folder", "zip", "file"])
def test_two_sources_of_one_name_do_not_overwrite_each_other(tmp_path, kind):
    def source(place, text):
        (tmp_path / place).mkdir(exist_ok=True)
        files = {"a.md": f"---\ntitle: {text}\n---\n{text}."}
        if kind == "zip":
            return zip_of(tmp_path / place / "posts.zip", files)
        folder = folder_of(tmp_path / place / "posts", files)
        return f"{folder}/a.md" if kind == "file" else folder

    assert outcomes(import_markdown(source("one", "Of one"))) == {"created": 1}
    assert outcomes(import_markdown(source("one", "Of one, changed"))) == {"updated": 1}
    other = source("two", "Of two")
    batch = import_markdown(other)
    assert outcomes(batch) == {"refused": 1}
    assert "nothing was overwritten" in batch.issues.get().problems[0][1]
    assert [title for _, title in titles()] == ["Of one, changed"]
    assert outcomes(import_markdown(other, mapping="site: two")) == {"created": 1}
    # What is stated is taken at its word.
    if kind != "file":
        assert outcomes(import_markdown(source("three", "Of one, moved"), mapping="site: posts")) == {"updated": 1}


def test_the_refusal_says_what_to_type_and_that_brings_the_moved_source_up_to_date(tmp_path):
    for place, words in (("one", "Before."), ("two", "After.")):
        folder_of(tmp_path / place / "my posts", {"a.md": f"---\ntitle: A\nuuid: 5\n---\n{words}"})
    fields = "fields: {uuid: id}"
    assert outcomes(import_markdown(tmp_path / "one" / "my posts", mapping=fields)) == {"created": 1}
    batch = import_markdown(tmp_path / "two" / "my posts", mapping=fields)
    assert "--site 'my posts'" in batch.issues.get().problems[0][1]
    stated = f"site: my posts\n{fields}"
    assert outcomes(import_markdown(tmp_path / "two" / "my posts", mapping=stated)) == {"updated": 1}


def test_archives_that_have_another_name_each_time_say_that_their_posts_come_twice_without_a_site(tmp_path):
    files = {"a.md": "---\ntitle: A\n---\nText."}
    first, second = (zip_of(tmp_path / f"posts-2026-{month}.zip", files) for month in (11, 12))
    for source in (first, second):
        batch = import_markdown(source)
        assert outcomes(batch) == {"created": 1}
        assert any("Set --site" in warning for warning in batch.breakdown["warnings"])
    for source, outcome in ((first, "created"), (second, "unchanged")):
        batch = import_markdown(source, mapping="site: blog")
        assert outcomes(batch) == {outcome: 1} and not batch.breakdown["warnings"]
    in_a_folder = zip_of(tmp_path / "other.zip", {"notes/a.md": "---\ntitle: A\n---\nText."})
    assert not import_markdown(in_a_folder).breakdown["warnings"]


def test_json_lines_take_no_site_that_would_keep_nothing_apart(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text('{"source_id": "1", "title": "T", "body": "Text."}')
    with pytest.raises(CommandError, match="begin each source_id with the name of its source"):
        call_command("import_posts", path, site="a.example")
    assert not Post.objects.exists()


def test_the_same_text_from_another_place_changes_nothing_and_is_not_refused(tmp_path):
    for place in ("one", "two"):
        batch = import_markdown(folder_of(tmp_path / place / "posts", {"a.md": "---\ntitle: A\n---\nText."}))
    assert outcomes(batch) == {"unchanged": 1}


def test_the_form_for_a_new_import_takes_the_site(client, settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    client.force_login(person("Staff"))
    upload = SimpleUploadedFile("export.xml", (NAMELESS + item() + "</channel></rss>").encode())
    data = {"upload": upload, "site": "https://a.example/", "mapping": "dates: day-first"}
    assert client.post(reverse("admin:posts_importbatch_new"), data).status_code == 302
    assert ImportBatch.objects.get().options["mapping"] == {"site": "https://a.example/", "dates": "day-first"}
