from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from posts.errors import Refused, checked_words, require_person
from posts.models import DeskPreference, SavedView
from posts.review_queue.order import QueueView

MOST_VIEWS = 20


def save_view(name: str, view: QueueView, *, by: User) -> SavedView:
    """Save a QueueView under `name` for `by` alone; return the SavedView. The same name replaces it."""
    require_person(by, "view_post")
    name = checked_words(name, name="The name", limit=60)
    if not name:
        raise Refused("Give the view a name.")
    if not view.query():
        raise Refused("Choose a filter first. The whole queue already has a view.")
    try:
        with transaction.atomic():
            if not by.saved_views.filter(name=name).exists() and by.saved_views.count() >= MOST_VIEWS:
                raise Refused(f"You have {MOST_VIEWS} saved views. Delete one first.")
            saved, _ = SavedView.objects.update_or_create(owner=by, name=name, defaults={"query": view.query()})
    except IntegrityError:
        raise Refused("This name was just taken. Choose another.") from None
    return saved


def forget_view(pk: int, *, by: User) -> None:
    """Delete a saved view of `by`; ignore views of other people."""
    require_person(by, "view_post")
    by.saved_views.filter(pk=pk).delete()


def switch_keys(*, by: User, off: bool) -> None:
    """Switch the keyboard shortcuts of queue and review screen off or on for `by`."""
    require_person(by, "view_post")
    DeskPreference.objects.update_or_create(person=by, defaults={"keys_off": off})


def keys_are_on(person: User) -> bool:
    """Return whether keyboard shortcuts are on for `person`."""
    return not DeskPreference.objects.filter(person=person, keys_off=True).exists()
