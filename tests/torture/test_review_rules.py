"""Ten thousand random steps of the rules of review; `make torture` runs them."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import review_machine

pytestmark = [pytest.mark.torture, pytest.mark.django_db]
STEPS = 10_000


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
