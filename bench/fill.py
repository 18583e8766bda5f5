"""Fill an empty site with listed posts, for measuring: generated records, imported, reviewed and released.

Usage: python bench/fill.py [--listed N] [--waiting N] [--texts N]

The database is the one of DATABASE_URL, migrated; one that has posts is refused. See README.md beside this file.
"""

import argparse
import io
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 1_000


def records(count, texts, first=0):
    """Return `count` records from seed `first` on; after `texts` of them the same articles again, as further parts."""
    from posts.synthesis import synthesize_record

    made = []
    for number in range(count):
        if number < texts:
            made.append(synthesize_record(first + number))
        part = number // texts + 1
        record = dict(made[number % texts])
        record["source_id"] = f"bench-{first + number:07d}"
        record["reference"] = f"bench-{first + number:07d}"
        if part > 1:
            record["title"] = f"{record['title']}, part {part}"
        record["slug"] = f"article-{first + number:07d}"
        record["flags"] = record["flags"] | {"needs_human_review": 0}
        yield record


def bring_in(records, name):
    """Import records through the product's own door, chunk by chunk."""
    from posts.importing.pipeline import import_posts

    lines, count = [], 0
    for record in records:
        lines.append(json.dumps(record, ensure_ascii=False))
        if len(lines) == 10 * CHUNK:
            count += _import(lines, f"{name}, from {count:,}", import_posts)
            lines = []
    return count + (_import(lines, f"{name}, from {count:,}", import_posts) if lines else 0)


def _import(lines, name, import_posts):
    batch = import_posts(io.BytesIO("\n".join(lines).encode()), name=name)
    assert batch.created == len(lines), f"{batch.created} of {len(lines)} records came in"
    return batch.created


def release_all(reviewer, now, most=None):
    """Approve and release every post, or the first `most`, as a reviewer would, one by one, but written in sets.

    The rows are those that the operations would write. Returns the number of posts.
    """
    from django.db import transaction

    from posts.listing.refresh import refresh_listings
    from posts.models import GuidelinePoint, Post, QueueEntry, Release, RenderedArticle, Review, Revision

    total = most or Post.objects.count()
    points = list(GuidelinePoint.objects.current())
    last, done, kept = 0, 0, {}
    while True:
        with transaction.atomic():
            waiting = Post.objects.filter(pk__gt=last).with_texts().order_by("pk")
            posts = list(waiting[: min(CHUNK, total - done)])
            if not posts:
                return done
            # The newest number is the newest release, a minute apart.
            moments = {post.pk: now - timedelta(minutes=total - done - at) for at, post in enumerate(posts)}
            reviews = Review.objects.bulk_create(
                Review(
                    revision=post.head_revision,
                    fingerprint=post.head_revision.fingerprint,
                    outcome=Review.Outcome.APPROVED,
                    guideline_id=points[0].guideline_id,
                    answers={
                        point.key: Review.Answer.MET
                        for point in points
                        if point.applies_to(post.head_revision.snapshot)
                    },
                    reviewer=reviewer,
                    created_at=moments[post.pk],
                )
                for post in posts
            )
            Release.objects.bulk_create(
                Release(
                    post=post,
                    kind=Release.Kind.RELEASED,
                    revision=post.head_revision,
                    owner=reviewer,
                    made_by=reviewer,
                    made_at=moments[post.pk],
                    expected_result="Readers find what the title promises.",
                    rollback_note="Withdraw the post.",
                )
                for post in posts
            )
            Revision.objects.filter(pk__in=[post.head_revision_id for post in posts]).update(
                status=Revision.Status.APPROVED
            )
            for post, review in zip(posts, reviews, strict=True):
                post.live_revision, post.live_approval = post.head_revision, review
                post.head_revision.status = Revision.Status.APPROVED
                post.awaits_review = False
                post.first_published_at = post.last_published_at = moments[post.pk]
            Post.objects.bulk_update(
                posts,
                ["live_revision", "live_approval", "awaits_review", "first_published_at", "last_published_at"],
                batch_size=CHUNK,
            )
            RenderedArticle.objects.bulk_create(_rendered(post.head_revision, kept) for post in posts)
            QueueEntry.objects.filter(pk__in=[post.pk for post in posts]).delete()
            refresh_listings(posts)
        last, done = posts[-1].pk, done + len(posts)


def _rendered(revision, kept):
    """Return the stored HTML of a text; later parts of an article reuse it."""
    from django.conf import settings

    from posts.listing.article_html import hosts_key
    from posts.models import RenderedArticle
    from posts.rendering.markdown import RENDERER_VERSION, render_text

    record = revision.snapshot
    key = hash((record["intro"], record["body"]))
    if key not in kept:
        made = render_text(record, image_hosts=tuple(settings.IMAGE_HOSTS))
        kept[key] = str(made.html), [[heading.level, heading.id, heading.text] for heading in made.contents]
    html, contents = kept[key]
    return RenderedArticle(
        fingerprint=revision.fingerprint,
        renderer_version=RENDERER_VERSION,
        hosts_key=hosts_key(),
        html=html,
        contents=contents,
    )


def fill(*, listed, waiting, texts, say=print):
    """Fill the site; Django is set up. Refuses a database that has posts."""
    from django.contrib.auth.models import Group, User
    from django.db import connection
    from django.utils import timezone

    from posts.listing.site_stats import store_site_stats
    from posts.models import Post, StaleNeighbours
    from posts.related.related_posts import find_stale_related_posts, mark_all_stale
    from posts.review_queue.ranking import rank_queue

    if Post.objects.exists():
        sys.exit("This database has posts. Filling writes releases that nobody decided; give it an empty one.")
    now = timezone.now()
    reviewer = User.objects.create_user("bench-reviewer", is_staff=True)
    reviewer.groups.add(Group.objects.get(name="Reviewers"))
    began = time.perf_counter()

    def told(what, count):
        say(f"{what:<32}{count:>9,}  {time.perf_counter() - began:>6.0f} s")

    told("posts imported", bring_in(records(listed, min(listed, texts)), "bench"))
    told("of them released", release_all(reviewer, now))
    # What background jobs do on a site, once for all posts.
    StaleNeighbours.objects.all().delete()
    mark_all_stale()
    told("similar posts found for", find_stale_related_posts())
    told("more that wait", bring_in(records(waiting, min(waiting, texts), first=5_000_000), "bench, waiting"))
    rank_queue()
    store_site_stats()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    told("ready", Post.objects.count())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listed", type=int, default=25_000)
    parser.add_argument("--waiting", type=int, default=2_000)
    parser.add_argument("--texts", type=int, default=2_000, help="different articles; the others are further parts")
    arguments = parser.parse_args()
    if not os.environ.get("DATABASE_URL"):
        sys.exit("Name an empty database in DATABASE_URL: scripts/with_postgres.sh gives you one for a while.")
    os.environ["DJANGO_SETTINGS_MODULE"] = "alphanode.settings"
    sys.path.insert(0, str(ROOT))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    fill(**vars(arguments))


if __name__ == "__main__":
    main()
