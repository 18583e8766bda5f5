"""The tool behind `make mutations`: it breaks what it names, and refuses what does not fit the code any more."""

import pytest

from tests.mutation_list import MUTATIONS, Mutation
from tests.mutations import Outdated, check, mutated

SOURCE = """def one():
    return 1 if ready else 2


class Page:
    def one(self):
        return 1

    def two(self):
        return (1, 1)
"""


def mutation(function, old, new="3"):
    return Mutation("A rule", "page.py", function, old, new, "tests/test_page.py")


def test_only_the_named_function_is_broken():
    assert mutated(SOURCE, mutation("Page.one", "return 1", "return 3")) == SOURCE.replace("return 1\n", "return 3\n")


@pytest.mark.parametrize(
    ("function", "old", "new", "reason"),
    [
        ("Page.two", "1", "3", "stands there 2 times"),
        ("Page.one", "return 2", "3", "stands there 0 times"),
        ("Page.three", "1", "3", "0 functions have this name"),
        ("one", "1", "3", "2 functions have this name"),
        ("Page.one", "return 1", "return (", "no Python"),
    ],
)
def test_what_does_not_fit_the_code_is_refused(function, old, new, reason):
    with pytest.raises(Outdated, match=reason):
        mutated(SOURCE, mutation(function, old, new))


def test_every_mutation_fits_the_code():
    check(MUTATIONS)
    assert len({one.rule for one in MUTATIONS}) == len(MUTATIONS) >= 41
    assert 0 < sum(one.is_short for one in MUTATIONS) <= 8
