"""JSON-LD, Open Graph and canonical links of pages."""

import json

import pytest
import rdflib
from lxml import etree
from rdflib.namespace import RDF, SDO

from posts.models import Post, Term
from posts.operations import create_post, record_revision, withdraw_post
from posts.public.json_ld import json_ld_script
from tests.every_page import make_every_page
from tests.factories import RecordFactory, approve, make_post, person
from tests.structured_data import missing_recommended, problems_of

# Engines differ in no word of it: pages of articles are asked for on each of them elsewhere.
pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Newer than the list of terms that rdflib carries.
NEW_TERMS = {"digitalSourceType"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "</ScRiPt ><svg onload=alert(1)>",
    "<!--<script>",
    "]]> --> <![CDATA[",
    "&lt;/script&gt; &quot; \u2028 \u2029 \\u003c \\",
    '"}]}</script>',
]


def head_of(client, post):
    return etree.HTML(client.get(post.get_absolute_url()).content.decode()).find("head")


def data_of(client, post):
    """Return the JSON-LD of a page; it must be one valid block."""
    blocks = head_of(client, post).findall("script[@type='application/ld+json']")
    assert len(blocks) == 1
    data = json.loads(blocks[0].text)
    assert problems_of(data) == []
    return data


def parts(data):
    return {part["@type"]: part for part in data["@graph"]}


def meta(head, key):
    return [tag.get("content") for tag in head.iter("meta") if key in (tag.get("property"), tag.get("name"))]


def test_an_approved_article_says_who_reviewed_it_and_when(client):
    post = make_post(released=True)
    page = parts(data_of(client, post))["WebPage"]
    assert page["lastReviewed"] == post.live_approval.created_at.date().isoformat()
    assert page["reviewedBy"]["@type"] == "Role" and page["reviewedBy"]["roleName"] == "Reviewer"
    assert page["url"].endswith(post.get_absolute_url())


STATES = {
    "unread": lambda: make_post(),
    "flagged": lambda: make_post(released=True, flagged=True),
    "bulk": lambda: approve(make_post(), is_bulk=True),
    "held": lambda: hold(make_post(released=True)),
}


def hold(post):
    Post.objects.filter(pk=post.pk).update(held=True)
    return post


@pytest.mark.parametrize("state", STATES)
def test_no_review_is_claimed_of_a_text_that_search_engines_may_not_keep(client, state):
    post = STATES[state]()
    page = parts(data_of(client, post))["WebPage"]
    assert not {"lastReviewed", "reviewedBy"} & page.keys()
    assert client.get(post.get_absolute_url())["X-Robots-Tag"] == "noindex"


def test_the_article_carries_its_disclosure_as_the_page_does(client):
    for post in (make_post(), make_post(released=True), make_post(released=True, flagged=True)):
        record = client.get(f"/posts/{post.slug}.json").json()
        article = parts(data_of(client, post))["TechArticle"]
        assert article["creditText"].partition(";")[0] == record["review"]["disclosure"].partition(";")[0]
        assert article["identifier"]["value"] == record["review"]["fingerprint"]
        assert article.get("digitalSourceType") == record["review"]["digital_source_type"]


def test_how_a_text_was_made_is_computed_and_no_record_can_say_otherwise(client):
    def source(post):
        return parts(data_of(client, post))["TechArticle"]["digitalSourceType"].rpartition("/")[2]

    post = make_post(
        released=True, origin="trained_model", flags={"ai_generated_style": 0}, digitalSourceType="digitalCreation"
    )
    assert source(post) == "trainedAlgorithmicMedia"
    record_revision(post, {**post.working_record(), "summary": "By hand."}, by=person("Editors"))
    assert source(post) == "trainedAlgorithmicMedia"
    assert source(approve(post)) == "compositeWithTrainedAlgorithmicMedia"
    typed = approve(create_post(RecordFactory(), by=person("Editors")))
    assert source(typed) == "digitalCreation"


# Nothing to make a description of.
SILENT = {"summary": "", "intro": "", "body": "```\nx = 1\n```"}


def test_what_the_record_says_is_there_and_what_is_empty_is_not(client):
    pictures = ["https://images.unsplash.com/a?w=1&q=2", "https://placehold.co/9x9?text=drawn"]
    post = make_post(
        released=True,
        difficulty="advanced",
        reading_time=7,
        language="en",
        tags=["deploys", "make"],
        entities=[{"name": "SIGTERM", "type": "signal"}],
        image_sources=[{"url": url} for url in pictures],
    )
    article = parts(data_of(client, post))["TechArticle"]
    assert article["headline"] == post.title and article["description"] == post.summary
    assert article["keywords"] == ["Go services", "backend", "pgx", "make", "deploys"]
    assert article["about"] == [{"@type": "Thing", "name": "SIGTERM"}]
    assert (article["proficiencyLevel"], article["timeRequired"], article["inLanguage"]) == ("Expert", "PT7M", "en")
    assert [image["url"] for image in article["image"]] == pictures[:1]
    assert article["datePublished"] == post.first_published_at.isoformat(timespec="seconds")
    bare = parts(data_of(client, make_post(**SILENT, stack=[], tools=[], topic="", language="plain English")))
    missing = {"description", "keywords", "about", "timeRequired", "proficiencyLevel", "inLanguage"}
    assert not (missing | {"datePublished", "dateModified"}) & bare["TechArticle"].keys()


# The parser of rdflib uses a class of its own that rdflib gives up.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
def test_the_data_are_triples_in_the_terms_of_schema_org(client):
    post = make_post(released=True, reading_time=3, difficulty="beginner", entities=[{"name": "x"}],
                     image_sources=[{"url": "https://images.unsplash.com/a"}])  # fmt: skip
    data = data_of(client, post) | {"@context": {"@vocab": str(SDO)}}
    graph = rdflib.Graph().parse(data=json.dumps(data), format="json-ld")
    used = {str(term).removeprefix(str(SDO)) for term in (*graph.predicates(), *graph.objects(None, RDF.type))}
    used -= {str(RDF.type)}
    assert {"TechArticle", "WebPage", "BreadcrumbList", "reviewedBy"} <= used
    assert {term for term in used - NEW_TERMS if term not in SDO} == set()
    page = rdflib.URIRef(data["@graph"][0]["@id"])
    (article,) = graph.objects(page, SDO.mainEntity)
    assert (article, RDF.type, SDO.TechArticle) in graph
    (way,) = graph.objects(page, SDO.breadcrumb)
    assert len(list(graph.objects(way, SDO.itemListElement))) == 3


def test_the_way_to_an_article_leads_over_the_list_of_its_first_stack(client):
    post = make_post(released=True, stack=["Go services", "backend"])
    (stack,) = Term.objects.filter(kind=Term.Kind.STACK, name="Go services")
    steps = parts(data_of(client, post))["BreadcrumbList"]["itemListElement"]
    assert [(step["position"], step["name"]) for step in steps] == [(1, "Home"), (2, "Go services"), (3, post.title)]
    assert steps[1]["item"].endswith(stack.get_absolute_url())
    html = client.get(post.get_absolute_url()).content.decode()
    breadcrumb = html.partition('aria-label="Breadcrumb"')[2].partition("</nav>")[0]
    assert f'href="{stack.get_absolute_url()}"' in breadcrumb


def test_the_way_to_an_article_that_stands_in_no_list_leads_over_none(client):
    post = make_post(stack=["Go services"])
    steps = parts(data_of(client, post))["BreadcrumbList"]["itemListElement"]
    assert [step["name"] for step in steps] == ["Home", post.title]


@pytest.mark.parametrize("words", HOSTILE)
def test_nothing_in_a_record_breaks_out_of_the_data(client, words):
    post = make_post(released=True, title=words, summary=words, tags=[words], stack=[words], topic=words,
                     difficulty=words, entities=[{"name": words}])  # fmt: skip
    html = client.get(post.get_absolute_url()).content.decode()
    block = html.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert not set(block) & set("<>&\u2028\u2029")
    article = parts(data_of(client, post))["TechArticle"]
    assert article["headline"] == words and words in article["keywords"] and article["about"][0]["name"] == words
    assert meta(head_of(client, post), "og:title") == [words]


def test_every_sign_that_means_something_to_html_is_written_as_json_writes_it():
    script = json_ld_script({"a": "".join(map(chr, range(0x2030)))})
    assert script.count("<") == 2 and script.count(">") == 2 and "&" not in script
    assert "\u2028" not in script and "\u2029" not in script


def test_a_preview_in_the_admin_claims_nothing(client):
    post = make_post(released=True)
    client.force_login(person())
    html = client.get(f"/admin/posts/post/{post.pk}/preview/").content.decode()
    assert post.title in html and "ld+json" not in html


def test_a_page_that_is_gone_describes_nothing(client):
    post = make_post(released=True)
    withdraw_post(post, by=person())
    response = client.get(post.get_absolute_url())
    assert response.status_code == 410 and b"ld+json" not in response.content and b"og:title" not in response.content


@pytest.mark.parametrize("released", [True, False])
def test_a_shared_link_shows_title_summary_and_the_first_picture(client, settings, released):
    post = make_post(
        released=released,
        summary="A summary.",
        tags=["deploys"],
        image_sources=[{"url": "https://placehold.co/9x9"}, {"url": "https://images.unsplash.com/a?x=1&y=2"}],
    )
    head = head_of(client, post)
    url = settings.SITE_URL + post.get_absolute_url()
    assert [link.get("href") for link in head.iterfind("link[@rel='canonical']")] == [url]
    assert meta(head, "og:url") == [url] and meta(head, "og:type") == ["article"]
    assert meta(head, "og:title") == [post.title] and meta(head, "og:site_name") == ["AlphaNode"]
    assert meta(head, "og:description") == meta(head, "description") == ["A summary."]
    assert meta(head, "og:image") == ["https://images.unsplash.com/a?x=1&y=2"]
    assert meta(head, "twitter:card") == ["summary_large_image"]
    assert "deploys" in meta(head, "article:tag")
    assert len(meta(head, "article:published_time")) == released


def test_a_long_summary_is_cut_and_a_missing_one_leaves_no_line(client):
    long, none = make_post(summary="words " * 200), make_post(**SILENT)
    (description,) = meta(head_of(client, long), "description")
    assert len(description) <= 300 and description.endswith("…")
    assert meta(head_of(client, none), "description") == meta(head_of(client, none), "og:description") == []


# What search engines ask for


PICTURE = {
    "url": "https://images.unsplash.com/a", "source": "Ada Lovelace", "licence": "CC BY-SA 4.0", "caption": "A queue",
    "width": 1600, "height": 900,
}  # fmt: skip


def test_every_page_says_only_what_schema_org_and_search_engines_know(client):
    make_post(released=True, image_sources=[PICTURE], authors=["Jane Doe"], origin="people", published_on="2019-04-02")
    kinds = set()
    for name, (address, _) in make_every_page(kinds=("stack", "tag", "author")).items():
        for block in etree.HTML(client.get(address).content.decode()).iterfind(
            ".//script[@type='application/ld+json']"
        ):
            data = json.loads(block.text)
            assert problems_of(data) == [], name
            kinds.add(data["@graph"][0]["@type"])
    assert kinds == {"WebPage", "WebSite", "CollectionPage", "AboutPage"}


def test_a_released_article_has_all_that_its_rich_result_shows(client):
    for post in (make_post(released=True), make_post(released=True, image_sources=[PICTURE])):
        data = data_of(client, post)
        assert missing_recommended(data) == set()
        article = parts(data)["TechArticle"]
        logo = article["publisher"]["logo"]
        assert client.get(logo["url"].partition("8000")[2])["Content-Type"] == "image/png"
        assert article["dateModified"] >= article["datePublished"]


LEVELS = {"beginner": "Beginner", " Expert": "Expert", "advanced": "Expert", "intermediate": None, "": None, "7": None}


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_one_that_schema_org_knows_or_none(client, level):
    article = parts(data_of(client, make_post(released=True, difficulty=level)))["TechArticle"]
    assert article.get("proficiencyLevel") == LEVELS[level]


LANGUAGES = {
    "en": ("en", "en_US"), "EN-gb": ("en-GB", "en_GB"), "pt_br": ("pt-BR", "pt_BR"), "German": ("de", "de_DE"),
    "日本語": ("ja", "ja_JP"), "zh-hant": ("zh-Hant", "zh_TW"), "plain English": (None, "en_US"), "": (None, "en_US"),
    "tlh": ("tlh", "en_US"),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_a_tag_for_search_engines_and_a_locale_for_networks(client, language):
    post = make_post(released=True, language=language)
    tag, locale = LANGUAGES[language]
    assert parts(data_of(client, post))["TechArticle"].get("inLanguage") == tag
    assert meta(head_of(client, post), "og:locale") == [locale]


@pytest.mark.parametrize("origin", ["people", "trained_model", "fixed_algorithm", "not_stated"])
def test_authors_are_people_unless_a_machine_wrote_the_text(client, origin, settings):
    post = make_post(released=True, origin=origin, authors=["Jane Doe", "John Roe"])
    authors = parts(data_of(client, post))["TechArticle"]["author"]
    if origin in ("people", "not_stated"):
        assert [(author["@type"], author["name"]) for author in authors] == [
            ("Person", "Jane Doe"),
            ("Person", "John Roe"),
        ]
        assert authors[0]["url"] == f"{settings.SITE_URL}/authors/jane-doe/"
    else:
        assert [(author["@type"], author["name"]) for author in authors] == [("Organization", "AlphaNode")]


LICENCES = {
    "CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "cc-by-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "https://unsplash.com/license": "https://unsplash.com/license",
    "all rights reserved": None,
    "javascript:alert(1)": None,
}


@pytest.mark.parametrize("licence", LICENCES)
def test_a_picture_has_its_credit_and_the_address_of_its_licence(client, licence):
    post = make_post(released=True, image_sources=[PICTURE | {"licence": licence}])
    (image,) = parts(data_of(client, post))["TechArticle"]["image"]
    assert image["creditText"] == f"Ada Lovelace, {licence}" and image["caption"] == "A queue"
    assert (image["width"]["value"], image["height"]["value"]) == (1600, 900)
    assert image.get("license") == LICENCES[licence]


def test_an_article_without_a_picture_shows_its_drawing(client, settings):
    post = make_post(released=True)
    (image,) = parts(data_of(client, post))["TechArticle"]["image"]
    assert image["url"] == f"{settings.SITE_URL}/posts/{post.slug}.png"


def test_the_rules_find_what_they_are_there_for(client):
    data = data_of(client, make_post(released=True, image_sources=[PICTURE]))
    article = parts(data)["TechArticle"]
    for name, wrong in {
        "proficiencyLevel": "advanced", "datePublished": "yesterday", "image": ["/a.png"], "author": [],
        "headline": " ", "publisher": {"@id": "https://nobody.example/"}, "inLanguage": "plain English",
        "colour": "red",
    }.items():  # fmt: skip
        broken = {"@context": data["@context"], "@graph": [article | {name: wrong}]}
        assert any(name in problem or "nobody" in problem for problem in problems_of(broken)), name


def test_the_home_page_stands_at_one_address(client, settings):
    head = etree.HTML(client.get("/").content).find("head")
    assert [link.get("href") for link in head.iterfind("link[@rel='canonical']")] == [f"{settings.SITE_URL}/"]
    assert meta(head, "og:type") == ["website"] and meta(head, "og:url") == [f"{settings.SITE_URL}/"]
