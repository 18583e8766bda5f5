"""Small inputs from real sites are imported correctly; tests/corpora/field.py describes a case."""

import pytest

from tests.corpora.__main__ import OWN_CASES
from tests.corpora.field import Outcome

pytestmark = pytest.mark.django_db

CASES = sorted(path.name for path in OWN_CASES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", CASES)
def test_the_case_comes_in_as_is_right(name):
    outcome = Outcome(OWN_CASES / name)
    assert outcome.expected["source"]
    assert list(outcome.wrong()) == [], "\n".join(outcome.lines())
