"""Slugs of posts and terms: readable words, in the letters that the site chose, whose former addresses lead on."""

from urllib.parse import quote

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from posts.listing.rebuild import rebuild_lists
from posts.models import FormerTermSlug, Post, Term
from posts.operations import change_slug
from posts.records.schema import RecordRefused, validate_record
from posts.records.slugs import is_slug, slug_from
from tests.factories import approve, make_post, person

# Title or name: its slug with SLUG_LETTERS=ascii, and with unicode.
SLUGS = {
    "Safe job retries": "safe-job-retries",
    "C++ and C# in .NET 9": "c-plus-plus-and-c-sharp-in-dot-net-9",
    "F#, C++20 & C#12": "f-sharp-c-plus-plus-20-and-c-sharp-12",
    "Node.js vs. ASP.NET: CI/CD": "nodejs-vs-aspnet-ci-cd",
    "Python 3.12's f(x) — don’t": "python-3-12s-f-x-dont",
    "Fixes issue #12": "fixes-issue-12",
    "snake_case --and-- kebab": "snake-case-and-kebab",
    "@angular/core": "at-angular-core",
    "😀 release → production": "release-production",
    "Größe über Ørsted, ½ Łódź": ("grosse-uber-orsted-1-2-lodz", "größe-über-ørsted-1-2-łódź"),
    "Индексы в PostgreSQL": ("indeksy-v-postgresql", "индексы-в-postgresql"),
    "数据库 迁移": ("shu-ju-ku-qian-yi", "数据库-迁移"),
    "C# で書く": ("c-sharp-de-shu-ku", "c-sharp-で書く"),
    "데이터베이스 이전": ("deiteobeiseu-ijeon", "데이터베이스-이전"),
    "Ουρές εργασιών": ("oyres-ergasion", "ουρές-εργασιών"),
    "हिन्दी में लेख": ("hindi-mem-lekh", "हिन्दी-में-लेख"),
    "كيف تعمل الطوابير": ("kyf-tml-ltwbyr", "كيف-تعمل-الطوابير"),
    "I ❤\ufe0f Python": "i-python",
    "Re\u3164try \u115f\u1160": "retry",
    "İstanbul": ("istanbul", "i̇stanbul"),
    "→ … 😀": "",
}


@pytest.mark.parametrize("text", SLUGS)
@pytest.mark.parametrize("letters", ["ascii", "unicode"])
def test_a_slug_says_the_words_in_the_letters_that_the_site_chose(settings, letters, text):
    settings.SLUG_LETTERS = letters
    wanted = SLUGS[text]
    assert slug_from(text) == (wanted if isinstance(wanted, str) else wanted[letters == "unicode"])


@pytest.mark.parametrize("letters", ["ascii", "unicode"])
@given(text=st.text(max_size=300))
def test_the_slug_of_any_title_is_valid_and_is_its_own_slug(letters, text):
    with override_settings(SLUG_LETTERS=letters):
        slug = slug_from(text)
        assert len(slug) <= 120
        assert not slug or is_slug(slug)
        assert slug_from(slug) == slug
        assert letters == "unicode" or slug.isascii()


def test_a_long_title_is_cut_after_a_word_and_a_long_word_anywhere():
    slug = slug_from("retries " * 40)
    assert len(slug) <= 120 and set(slug.split("-")) == {"retries"}
    assert slug_from("a " + "x" * 300) == "a-" + "x" * 118


NO_SLUGS = [
    "Über",
    "ü ber",
    "u\u0308ber",
    "a--b",
    "-a",
    "数据库-",
    "a\u200bb",
    "a_b",
    "a/б",
    "é\x00",
    "a\u1160b",
    "a-\ufe0f",
]


@pytest.mark.parametrize("slug", NO_SLUGS)
def test_a_record_with_a_slug_that_no_address_has_is_refused(slug):
    with pytest.raises(RecordRefused, match="slug can only have lowercase letters"):
        validate_record({"source_id": "x", "title": "x", "body": "x", "slug": slug})


# On the site


def released(title, **values):
    return make_post(released=True, slug="", title=title, **values)


@pytest.mark.django_db
@pytest.mark.parametrize(("letters", "path"), [("ascii", "indeksy-v-bd"), ("unicode", quote("индексы-в-бд"))])
def test_an_article_in_another_script_is_found_at_its_address_everywhere(client, settings, letters, path):
    settings.SLUG_LETTERS = letters
    post = released("Индексы в БД", stack=["Базы данных"])
    assert post.get_absolute_url() == f"/posts/{path}/"
    page = client.get(f"/posts/{path}/").content.decode()
    assert f'<link rel="canonical" href="{settings.SITE_URL}/posts/{path}/">' in page
    for address in (f"/posts/{path}.json", f"/posts/{path}/report/", f"/api/posts/{path}/"):
        assert client.get(address).status_code == 200, address
    sitemap = b"".join(client.get(f"/sitemaps/articles-{post.pk // 1000}.xml").streaming_content).decode()
    assert f"<loc>{settings.SITE_URL}/posts/{path}/</loc>" in sitemap
    for address in ("/articles/", "/feed/", "/feed.json", "/api/posts/"):
        assert f"/posts/{path}/" in client.get(address).content.decode(), address
    term = Term.objects.get(kind="stack", name="Базы данных")
    assert f'href="{term.get_absolute_url()}"' in page
    for address in ("", "feed/", "feed.json"):
        assert client.get(term.get_absolute_url() + address).status_code == 200


@pytest.mark.django_db
def test_an_address_that_a_program_decomposed_is_the_same_address(client, settings):
    settings.SLUG_LETTERS = "unicode"
    released("Größe")
    assert client.get("/posts/gro\u0308ße/").status_code == 200


@pytest.mark.django_db
def test_titles_that_are_alike_are_numbered_in_the_order_in_which_they_came():
    slugs = [released("Повтор!").slug for _ in range(3)]
    assert slugs == ["povtor", "povtor-2", "povtor-3"]
    for _ in range(6):
        released("Повтор!")
    assert (
        released("Повтор!").slug.startswith("povtor-") and Post.objects.filter(slug__startswith="povtor").count() == 10
    )


@pytest.mark.django_db
def test_the_former_addresses_of_a_post_lead_on_in_any_script(client):
    post = released("Вчера")
    change_slug(post, "завтра", by=person())
    for end in ("/", ".json", "/report/"):
        response = client.get(f"/posts/vchera{end}")
        assert (response.status_code, response["Location"]) == (
            301,
            f"/posts/%D0%B7%D0%B0%D0%B2%D1%82%D1%80%D0%B0{end}",
        )
    change_slug(Post.objects.get(pk=post.pk), "tomorrow", by=person())
    assert client.get("/posts/завтра/")["Location"] == "/posts/tomorrow/"


@pytest.mark.django_db
def test_when_the_letters_change_terms_are_renamed_and_their_former_addresses_lead_on(client, settings):
    released("One", tags=["базы", "C++", "👍"], authors=["Ирина"], origin="people")
    post = Post.objects.get()
    rebuild_lists(from_start=False)
    before = dict(Term.objects.values_list("name", "slug"))
    assert (before["базы"], before["C++"], before["👍"], before["Ирина"]) == ("bazy", "c-plus-plus", "tag", "irina")
    settings.SLUG_LETTERS = "unicode"
    rebuild_lists(from_start=False)
    after = dict(Term.objects.values_list("name", "slug"))
    assert (after["базы"], after["C++"], after["👍"], after["Ирина"]) == ("базы", "c-plus-plus", "tag", "ирина")
    new = Term.objects.get(name="базы").get_absolute_url()
    for end in ("", "feed/", "feed.json"):
        response = client.get(f"/tags/bazy/{end}")
        assert (response.status_code, response["Location"]) == (301, new + end)
        assert client.get(new + end).status_code == 200
    assert "One" in client.get("/articles/", {"tag": "bazy"}).content.decode()
    assert [item["record"]["slug"] for item in client.get("/api/posts/", {"tag": "bazy"}).json()["posts"]] == [
        post.slug
    ]
    # No other term takes a former address, and the same letters again lead back to it.
    approve(make_post(tags=["bazy"]))
    assert Term.objects.get(name="bazy").slug == "bazy-2"
    settings.SLUG_LETTERS = "ascii"
    rebuild_lists(from_start=False)
    assert Term.objects.get(name="базы").slug == "bazy"
    assert client.get(new)["Location"] == "/tags/bazy/"
    assert set(FormerTermSlug.objects.values_list("slug", flat=True)) == {"базы", "ирина"}


@pytest.mark.django_db
def test_terms_whose_slug_said_nothing_get_a_readable_one(client):
    released("One", tags=["قواعد"])
    rebuild_lists()
    Term.objects.filter(name="قواعد").update(slug="tag-2")
    rebuild_lists()
    term = Term.objects.get(name="قواعد")
    assert term.slug == "qwd"
    assert client.get("/tags/tag-2/")["Location"] == "/tags/qwd/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["/tags/nothing/", "/tags/ничего/", "/tags/nothing/feed/", "/posts/ничего/", "/posts/a%00b/", "/posts/%ff/"],
)
def test_an_address_that_nothing_ever_had_is_missing(client, address):
    assert client.get(address).status_code == 404
