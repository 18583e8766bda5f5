"""JSON-LD, Open Graph and canonical links of pages."""

import json
from pathlib import Path

import jsonschema
import pytest
import rdflib
from lxml import etree
from rdflib.namespace import RDF, SDO

from posts.models import Post, Term
from posts.operations import create_post, record_revision, withdraw_post
from posts.public.json_ld import json_ld_script
from tests.factories import RecordFactory, approve, make_post, person

pytestmark = pytest.mark.django_db

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "article.json").read_text(encoding="utf-8"))
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
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(data)
    return data


def parts(data):
    return {part["@type"]: part for part in data["@graph"]}


def meta(head, key):
    return [tag.get("content") for tag in head.iter("meta") if key in (tag.get("property"), tag.get("name"))]


def test_an_approved_article_says_who_reviewed_it_and_when(client):
    post = make_post(released=True)
    page = parts(data_of(client, post))["WebPage"]
    assert page["lastReviewed"] == post.live_approval.created_at.date().isoformat()
    assert page["reviewedBy"]["jobTitle"] == "Reviewer" and "name" not in page["reviewedBy"]
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
    assert (article["proficiencyLevel"], article["timeRequired"], article["inLanguage"]) == ("advanced", "PT7M", "en")
    assert article["image"] == pictures[:1]
    assert article["datePublished"] == post.first_published_at.isoformat(timespec="seconds")
    bare = parts(data_of(client, make_post(summary="", stack=[], tools=[], topic="", language="plain English")))
    missing = {"description", "keywords", "about", "image", "timeRequired", "proficiencyLevel", "inLanguage"}
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


def test_a_preview_on_the_desk_claims_nothing(client):
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
    long, none = make_post(summary="words " * 200), make_post(summary="")
    (description,) = meta(head_of(client, long), "description")
    assert len(description) <= 300 and description.endswith("…")
    assert meta(head_of(client, none), "description") == meta(head_of(client, none), "og:description") == []


def test_the_home_page_stands_at_one_address(client, settings):
    head = etree.HTML(client.get("/").content).find("head")
    assert [link.get("href") for link in head.iterfind("link[@rel='canonical']")] == [f"{settings.SITE_URL}/"]
    assert meta(head, "og:type") == ["website"] and meta(head, "og:url") == [f"{settings.SITE_URL}/"]
