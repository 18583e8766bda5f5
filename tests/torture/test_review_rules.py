"""Ten thousand random steps of the rules of review, a thousand meetings on one post; `make torture` runs them."""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from posts.operations import Refused, decide
from posts.operations.review import Decision
from tests import review_machine
from tests.factories import ALL_MET, RecordFactory, import_records, make_post, person
from tests.test_operations_races import at_once, every_word, fresh, saving

pytestmark = pytest.mark.torture
STEPS = 10_000
INTERLEAVINGS = 1_000


@pytest.mark.django_db
def test_ten_thousand_steps_never_open_a_page_that_nobody_approved_alone():
    begun = review_machine.steps_taken
    while review_machine.steps_taken - begun < STEPS:
        run_state_machine_as_test(
            review_machine.ReviewMachine,
            settings=settings(
                max_examples=50, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    print(f"{review_machine.steps_taken - begun:,} steps")


@pytest.mark.django_db(transaction=True)
def test_a_thousand_interleavings_lose_no_word_and_put_out_none_that_nobody_read():
    editors, reviewer = [person("Editors"), person("Editors")], person()
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    for number in range(INTERLEAVINGS):
        post = make_post(summary="As it was read.")
        read = post.head_revision.fingerprint
        incoming = {**RecordFactory(source_id=post.source_id), "summary": "From the import."}
        saves = {
            f"Tab {tab}.": saving(post, chance.choice(editors), f"Tab {tab}.") for tab in range(chance.randint(1, 3))
        }
        acts = [
            lambda post=post, read=read: decide(
                post, Decision(outcome="approved", fingerprint=read, answers=ALL_MET), by=reviewer
            ),
            lambda incoming=incoming: import_records(incoming),
            *saves.values(),
        ]
        chance.shuffle(acts)
        results = at_once(acts)
        post = fresh(post)
        assert every_word(post) == {"As it was read.", "From the import.", *saves}, (seed, number)
        assert sum(isinstance(result, Refused) for result in results) == (post.live_revision is None), (seed, number)
        assert post.live_revision is None or post.live_revision.fingerprint == read, (seed, number)
