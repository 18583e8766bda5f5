"""address() returns the same as Django's reverse(), for any input."""

import pytest
from django.urls import NoReverseMatch, reverse, set_script_prefix

from posts.reverse import address, one_prefix


@pytest.fixture
def below_a_path():
    set_script_prefix("/docs/")
    yield
    set_script_prefix("/")


NAMED = [
    ("posts:home",),
    ("posts:detail", "draining-workers"),
    ("posts:detail", "x"),
    ("posts:record", "a_b-9"),
    ("posts:kind", "stacks"),
    ("posts:facet", "tools", "pgx"),
    ("posts:facet-feed", "tools", "pgx"),
    ("posts:sitemap-lists", 12),
    ("admin:posts_post_flag", 5),
]


@pytest.mark.parametrize("named", NAMED, ids=lambda named: " ".join(map(str, named)))
def test_an_address_is_the_one_that_django_finds_every_time(named):
    name, *parts = named
    assert [address(*named), address(*named)] == [reverse(name, args=parts)] * 2


def test_an_address_stands_below_the_path_that_the_site_is_served_from(below_a_path):
    for name, *parts in NAMED:
        assert address(name, *parts) == reverse(name, args=parts)
        assert address(name, *parts).startswith("/docs/")
        with one_prefix():
            assert address(name, *parts) == reverse(name, args=parts)


@pytest.mark.parametrize("named", [("posts:kind", "nothing"), ("posts:detail", "a/b"), ("posts:facet", "nothing", "x")])
def test_what_no_address_has_is_refused_as_django_refuses_it(named):
    with pytest.raises(NoReverseMatch):
        address(*named)
