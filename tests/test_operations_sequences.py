"""A short run of the random lives of tests/review_machine.py; `make torture` has the long one."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.review_machine import ReviewMachine


@pytest.mark.django_db
def test_no_order_of_acts_opens_a_page_that_nobody_approved_alone():
    run_state_machine_as_test(
        ReviewMachine,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
