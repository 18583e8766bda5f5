"""A stream and single posts, with lost answers and kill -9 on either side; `make torture` runs it."""

import pytest
from django.db.models import Sum

from posts.importing.generators import save_generator
from posts.importing.tokens import create_token
from posts.models import ApiToken, Generator, ImportBatch, Post, Revision
from tests.factories import person
from tests.push_trouble import push_under_fire, write_records

pytestmark = [pytest.mark.torture, pytest.mark.django_db(transaction=True)]
STREAM, SINGLE, KILLS = 10_000, 1_000, 100


def test_no_post_is_lost_or_doubled_while_either_side_is_killed(tmp_path):
    staff = person("Staff")
    generator = save_generator(Generator(name="penwright 3", backlog_limit=None), by=staff)
    token = ApiToken(generator=generator, label="x", requests_per_minute=1_000_000)
    names = write_records(tmp_path / "posts.jsonl", STREAM)
    outcome = push_under_fire(
        tmp_path,
        create_token(token, by=staff),
        file=tmp_path / "posts.jsonl",
        posts=SINGLE,
        kills=KILLS,
        seed=20261129,
    )
    print(f"{sum(outcome.kills.values())} kills {outcome.kills}, {outcome.cuts} answers lost")
    names |= {f"steady-{number}" for number in range(SINGLE)}
    assert set(Post.objects.values_list("source_id", flat=True)) == names
    assert Post.objects.count() == Revision.objects.count() == STREAM + SINGLE
    # Each request was carried out once: one import of the file, and one for each post.
    assert ImportBatch.objects.count() == 1 + SINGLE
    assert ImportBatch.objects.aggregate(made=Sum("created"))["made"] == STREAM + SINGLE
    assert sum(outcome.kills.values()) == KILLS
