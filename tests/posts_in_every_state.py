"""Fills a site with a post in each state that the rule of the index knows: python -m tests.posts_in_every_state"""

import os


def fill():
    """{state: slug} of the posts that were made."""
    from posts.models import Post
    from posts.operations import create_post, decide, record_revision, withdraw_post
    from tests.factories import RecordFactory, approve, make_post, person

    rejected = make_post()
    decide(rejected, by=person(), outcome="rejected", fingerprint=rejected.head_revision.fingerprint, comment="no")
    withdrawn = make_post(released=True)
    withdraw_post(withdrawn, by=person())
    held = make_post(released=True)
    Post.objects.filter(pk=held.pk).update(held=True)
    edited = make_post(origin="trained_model", authors=["Jane Doe"])
    record_revision(edited, {**edited.working_record(), "summary": "By hand."}, by=person("Editors"))
    posts = {
        "listed": make_post(released=True),
        "waiting": make_post(),
        "flagged": make_post(released=True, flagged=True),
        "bulk": approve(make_post(), is_bulk=True),
        "typed": create_post(RecordFactory(), by=None),
        "rejected": rejected,
        "withdrawn": withdrawn,
        "held": held,
        "by an algorithm": make_post(released=True, origin="fixed_algorithm"),
        "by people": make_post(released=True, origin="people", authors=["Jane Doe"], published_on="2019-04-02"),
        "edited": approve(edited),
    }
    return {name: post.slug for name, post in posts.items()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
    import django

    django.setup()
    print(f"{len(fill())} posts, each in another state.")
