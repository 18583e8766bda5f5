"""Fill a site with a post in each state that the rule of the index knows.

Run it as python -m tests.posts_in_every_state.
"""

import os


def fill():
    """Return {state: slug} of the posts that were made."""
    from posts.importing.rollback import roll_back_batch
    from posts.models import Post
    from posts.operations import create_post, decide, record_revision, roll_back, withdraw_post
    from posts.operations.review import Decision
    from tests.factories import RecordFactory, approve, make_post, person

    def write(post, by):
        post = Post.objects.get(pk=post.pk)
        record_revision(post, {**post.working_record(), "summary": f"By {by}."}, by=by)

    rejected = make_post()
    decide(
        rejected,
        Decision(outcome="rejected", fingerprint=rejected.head_revision.fingerprint, comment="no"),
        by=person(),
    )
    withdrawn = make_post(released=True)
    withdraw_post(withdrawn, by=person())
    held = make_post(released=True)
    Post.objects.filter(pk=held.pk).update(held=True)
    edited = make_post(origin="trained_model", authors=["Jane Doe"])
    record_revision(edited, {**edited.working_record(), "summary": "By hand."}, by=person("Editors"))
    changed = make_post(released=True, stack=["Rust"])
    write(changed, person("Editors"))
    in_part, author = make_post(), person()
    write(in_part, person())
    write(in_part, author)
    approve(in_part, by=author)
    # Its import was rolled back, and then readers were led back to its text.
    back = make_post(released=True)
    write(back, person("Editors"))
    roll_back_batch(back.last_batch, by=person("Staff"))
    approve(back)
    roll_back(Post.objects.get(pk=back.pk), by=person(), despite_rollback=True)
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
        "approved for later": approve(make_post(), release=False),
        "changed": changed,
        "approved in part": in_part,
        "rolled back import": back,
    }
    return {name: post.slug for name, post in posts.items()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
    import django

    django.setup()
    print(f"{len(fill())} posts, each in another state.")
