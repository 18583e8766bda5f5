"""The pages of the scorecards, the same numbers as files, and what a generator reads of its own."""

import csv
import io
import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from jsonschema import Draft202012Validator

from posts.importing.generators import save_generator
from posts.models import Generator, Score
from posts.review_queue.intervals import newcombe_interval, wilson_interval
from posts.review_queue.scorecards import By, cards
from posts.review_queue.scoring import score_new
from tests.factories import person
from tests.test_push import Sender
from tests.test_review_queue_pages import words_of
from tests.test_scorecards import say, sent

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = "/admin/scorecards/"
HOSTILE = '=cmd()<img src=x onerror="alert(1)">'


def counted(name, *, reasons=None, **counts):
    """Return a new generator whose posts were counted like this."""
    columns = {"came_in": 90, "decided": 60, "approved": 48, "accepted": 50, "edited": 10, "changed_words": 120}
    columns |= {"released": 40, "reported": 4, "reports": 6, "timed": 60, "seconds": 60 * 300, "in_bulk": 5}
    generator = save_generator(Generator(name=name, model_version="gull", prompt_version=name), by=person("Staff"))
    Score.objects.create(
        kind="generator", name=str(generator.pk), reasons=reasons or {"facts": 9, "": 3}, **(columns | counts)
    )
    return generator


@pytest.fixture
def desk(client):
    client.force_login(person())
    return client


def test_the_list_shows_rates_with_intervals_and_says_what_each_number_means(desk):
    counted("penwright 3")
    counted("penwright 4", came_in=40, decided=29, approved=29)
    page = words_of(desk.get(PAGE))
    low, high = (f"{100 * limit:.1f}" for limit in wilson_interval(48, 60))
    assert f"penwright 3 80.0 % ({low} to {high} %)" in page
    assert "48 of 60" in page and "29 of 29" in page
    # Of 29 nothing is concluded, and of 10 edited posts neither.
    assert page.count("fewer than 30") == 3
    assert "Decisions that were undone count nowhere." in page
    assert "Posts decided in bulk only." in page
    assert desk.get(PAGE).content.count(b'class="interval"') == 1


def test_a_list_is_about_one_kind_of_thing(desk):
    counted("penwright 3")
    counted("penwright 4")
    Score.objects.create(kind="scenario", name="night shift", came_in=7)
    assert "gull" in (models := words_of(desk.get(f"{PAGE}?by=model"))) and "180" in models
    assert "penwright 4" in words_of(desk.get(f"{PAGE}?by=prompt"))
    assert "night shift" in words_of(desk.get(f"{PAGE}?by=scenario"))
    assert "Nothing that came in has been counted yet." in words_of(desk.get(f"{PAGE}?by=stack"))
    assert desk.get(f"{PAGE}?by=weather").status_code == 404


def test_two_versions_stand_side_by_side_with_their_differences(desk):
    one, other = counted("penwright 4", approved=54, reasons={"code": 6}), counted("penwright 3")
    answer = desk.get(f"{PAGE}card/?by=generator&key={one.pk}&other={other.pk}")
    low, high = newcombe_interval(54, 60, 48, 60)
    said = f"+10.0 points ({100 * low:+.1f} to {100 * high:+.1f})".replace("-", "−")
    page = words_of(answer)
    assert page.count(said) == 2
    assert "Facts are wrong or unproven 0 9" in page and "Code does not work 6 0" in page
    # Two rates, and the differences of three shares.
    assert answer.content.count(b'class="interval"') == 5
    alone = words_of(desk.get(f"{PAGE}card/?by=generator&key={one.pk}"))
    assert "Difference" not in alone and "5.0" in alone


def test_a_difference_is_hidden_where_one_has_fewer_than_thirty(desk):
    one, other = counted("penwright 4", decided=29, approved=20), counted("penwright 3")
    content = desk.get(f"{PAGE}json/?by=generator&key={one.pk}&other={other.pk}").json()
    assert content["differences"]["approval"] is None
    assert content["one"]["approval"] == {"part": 20, "of": 29, "share": None, "interval": None}
    assert content["differences"]["edited"]["difference"] == 0
    assert "fewer than 30" in words_of(desk.get(f"{PAGE}card/?by=generator&key={one.pk}&other={other.pk}"))


@pytest.mark.parametrize("query", ["by=generator", "key=", "key=4711", "key=x", "key=%00", "by=model&key=%00"])
def test_an_unknown_scorecard_is_not_found(desk, query):
    generator = counted("penwright 3")
    assert desk.get(f"{PAGE}card/?{query}").status_code == 404
    assert desk.get(f"{PAGE}card/?key={generator.pk}&other=4711").status_code == 404


def test_csv_and_json_say_the_same_and_a_hostile_name_stays_text(desk):
    counted(HOSTILE)
    card = desk.get(f"{PAGE}json/").json()["cards"][0]
    text = b"".join(desk.get(f"{PAGE}csv/")).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["name"] == f"'{HOSTILE}" and card["name"] == HOSTILE
    for name in ("approval", "edited", "reported"):
        assert [int(row[f"{name}_part"]), int(row[f"{name}_of"])] == [card[name]["part"], card[name]["of"]]
        assert float(row[f"{name}_share"]) == card[name]["share"]
        assert [float(row[f"{name}_low"]), float(row[f"{name}_high"])] == card[name]["interval"]
    for name in ("came_in", "in_bulk_only", "revoked", "changed_words", "reports", "decisions_with_time"):
        assert int(row[name]) == card[name]
    assert float(row["minutes_per_decision"]) == card["minutes_per_decision"] == 5
    assert row["changed_words_per_edited_post"] == "" and card["changed_words_per_edited_post"] is None
    assert {code: int(row[f"reason_{code}"]) for code in card["reasons"]} == {"facts": 9, "none": 3}
    assert b"<img" not in desk.get(PAGE).content


@pytest.mark.parametrize("name", ["scorecards", "scorecards_card", "scorecards_csv", "scorecards_json"])
def test_who_may_not_see_generators_sees_no_scorecard(client, name):
    somebody = User.objects.create_user("somebody", is_staff=True)
    somebody.user_permissions.add(Permission.objects.get(codename="view_post"))
    client.force_login(somebody)
    address = f"{reverse(f'admin:{name}')}?by=generator&key={counted('penwright 3').pk}"
    assert client.get(address).status_code == 403
    assert "Scorecards" not in words_of(client.get(reverse("admin:index")))
    somebody.user_permissions.add(Permission.objects.get(codename="view_generator"))
    assert client.get(address).status_code == 200


def test_generators_and_the_dashboard_lead_to_scorecards(desk):
    new = save_generator(Generator(name="penwright 5"), by=person("Staff"))
    old = counted("penwright 3")
    for address in (reverse("admin:index"), reverse("admin:posts_generator_changelist")):
        assert PAGE in desk.get(address).content.decode()
    page = desk.get(reverse("admin:posts_generator_change", args=[old.pk])).content.decode()
    assert f"{PAGE}card/?by=generator&amp;key={old.pk}" in page
    assert PAGE not in desk.get(reverse("admin:posts_generator_change", args=[new.pk])).content.decode()


def test_the_pages_cost_the_same_queries_for_any_number_of_generators(desk, django_assert_max_num_queries):
    found = []
    first = counted("penwright 0")
    for number in (1, 9):
        for each in range(number):
            counted(f"penwright {number} {each}")
        for address in (PAGE, f"{PAGE}?by=model", f"{PAGE}card/?by=generator&key={first.pk}", f"{PAGE}csv/"):
            with django_assert_max_num_queries(15) as queries:
                b"".join(desk.get(address))
            found.append(len(queries))
    assert found[:4] == found[4:]


def test_a_generator_reads_its_own_scorecard_and_no_other(settings, tmp_path):
    sender, other = Sender(), Sender("penwright 4")
    (post, _), (theirs,) = sent(2, "penwright 3"), sent(1, "penwright 4")
    say(post, reason_code="code", seconds_spent=120)
    say(theirs)
    score_new()
    answer = sender.ask("GET", "/api/v1/scorecard")
    card = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (card["name"], card["came_in"], card["reasons"]) == ("penwright 3", 2, {"code": 1})
    assert card["approval"] == {"part": 0, "of": 1, "share": None, "interval": None}
    assert other.ask("GET", "/api/v1/scorecard").json()["reasons"] == {"facts": 1}
    document = sender.client.get("/api/openapi.json").json()
    schema = document["components"]["schemas"]["Scorecard"]
    counted("penwright 5")
    for one in (card, {**card, **_card_of_desk()}):
        Draft202012Validator(schema).validate(one)
    sender.renew(may_read_decisions=False)
    assert sender.ask("GET", "/api/v1/scorecard").status_code == 403


def _card_of_desk():
    """Return a whole card, with shares and intervals."""
    return json.loads(json.dumps(cards(By.GENERATOR)[0].as_json()))
