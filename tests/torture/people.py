"""What people do to posts, in processes that are killed between two statements or at a commit; and what it left."""

import multiprocessing
import os
import random
import signal
from datetime import timedelta

from django.db import connection, connections

from tests.own_postgres import kill_server

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.torture.warmed"])
PATIENT_SECONDS = 180
IN_BULK = 5
# All that a decision or a release leaves of a post, without the times.
LEFT = """
    SELECT post.source_id, text.status, post.live_revision_id IS NOT NULL, post.live_approval_id IS NOT NULL,
        (SELECT count(*) FROM posts_review one JOIN posts_revision its ON its.id = one.revision_id
            WHERE its.post_id = post.id AND one.revoked_at IS NULL AND one.undone_at IS NULL),
        (SELECT count(*) FROM posts_release one WHERE one.post_id = post.id),
        (SELECT count(*) FROM posts_auditentry one WHERE one.post_id = post.id),
        EXISTS (SELECT 1 FROM posts_listedtext one WHERE one.post_id = post.id),
        EXISTS (SELECT 1 FROM posts_queueentry one WHERE one.post_id = post.id),
        (SELECT count(*) FROM posts_scheduledrelease one WHERE one.post_id = post.id AND one.settled_at IS NULL)
    FROM posts_post post JOIN posts_revision text ON text.id = post.head_revision_id ORDER BY post.source_id
"""


def prepare(act):
    """Make what an act is about."""
    from django.utils import timezone

    from posts.models import QueueEntry
    from posts.operations.bulk import begin_bulk, confirm_bulk, look_at_rows
    from posts.operations.schedule import Plan, schedule_release
    from tests.factories import approve, make_post, person

    reviewer = person()
    posts = [make_post(source_id=f"post-{number}") for number in range(IN_BULK if act == "bulk" else 1)]
    if act == "bulk":
        run = begin_bulk("approve", by=reviewer, entries=QueueEntry.objects.all())
        look_at_rows(run)
        confirm_bulk(run, by=reviewer)
    elif act == "plan":
        post = approve(posts[0], by=reviewer, release=False)
        now = timezone.now()
        plan = Plan(
            "release", now - timedelta(seconds=1), "UTC", post.head_revision, reviewer, "Less toil.", "Roll back."
        )
        schedule_release(post, plan, by=reviewer, now=now - timedelta(minutes=1))
    elif act == "undo":
        approve(posts[0], by=reviewer)


def carry_out(act):
    """Do what an act has left to do."""
    from posts.models import BulkRun, Post, Review
    from posts.operations import run_due, undo_decision
    from posts.operations.bulk import carry_out as carry_out_bulk
    from tests.factories import approve

    if act == "approval":
        post = Post.objects.with_texts().get()
        if post.live_approval is None:
            from django.contrib.auth.models import User

            approve(post, by=User.objects.get())
    elif act == "bulk":
        carry_out_bulk(BulkRun.objects.get())
    elif act == "plan":
        run_due()
    elif review := Review.objects.filter(undone_at=None).first():
        undo_decision(review, by=review.reviewer)


ACTS = ("approval", "bulk", "plan", "undo")


def _in_process(place, work, act, at, points, server):
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    connections.databases["default"] |= place
    django.setup()

    def note():
        points.value += 1
        if points.value == at:
            kill_server(server) if server else os.kill(os.getpid(), signal.SIGKILL)

    def watched(execute, sql, params, many, context):
        note()
        return execute(sql, params, many, context)

    kind = type(connection._connections[connection._alias])
    commit = kind._commit

    def watched_commit(self):
        note()
        commit(self)
        note()

    kind._commit = watched_commit
    with connection.execute_wrapper(watched):
        work(act)


def run(site, work, act, at=0, server=None):
    """Run `work` in a process of its own that dies at the point `at`; return (exit code, points that it passed).

    server: the data folder of a database server that dies instead.
    """
    points = PROCESSES.Value("i", 0)
    process = PROCESSES.Process(target=_in_process, args=(site.place, work, act, at, points, server))
    process.start()
    process.join(PATIENT_SECONDS)
    assert process.exitcode is not None, f"{act} does not end"
    return process.exitcode, points.value


def is_whole(found, before, after):
    """Return whether each post is as it was, or as it is after all is done."""
    return all(one in (old, new) for one, old, new in zip(found, before, after, strict=True))


def kill_at_random(sites, act, *, kills, seed):
    """Kill an act `kills` times at random points, finish it each time; return what was wrong."""
    template = sites.new()
    assert run(template, prepare, act)[0] == 0
    before = template.ask(LEFT)
    undisturbed = sites.new(template=template)
    code, points = run(undisturbed, carry_out, act)
    assert code == 0
    after = undisturbed.ask(LEFT)
    assert before != after and points > 10
    chance, wrong = random.Random(seed), []
    for _ in range(kills):
        copy = sites.new(template=template)
        at = chance.randint(1, points)
        code, _ = run(copy, carry_out, act, at)
        assert code == -signal.SIGKILL, (act, at, code)
        if not is_whole(copy.ask(LEFT), before, after):
            wrong.append((at, "half done", copy.ask(LEFT)))
        code, _ = run(copy, carry_out, act)
        if code or copy.ask(LEFT) != after:
            wrong.append((at, "not finished", copy.ask(LEFT)))
    return wrong
