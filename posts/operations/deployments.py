"""What people say about a deployment: who answers for it, what it should improve, how to take it back."""

from django.contrib.auth.models import User
from django.db import transaction

from posts.errors import LONG_WORDS, Refused, checked_words, require
from posts.models import Deployment
from posts.operations.frame import note, operation


@operation
def mark_deployment(
    *, version: str, owner: str, expected_result: str = "", rollback_note: str = "", by: User | None
) -> Deployment:
    """Note a deployment, or complete the last one if it has this version; return the Deployment.

    An empty text leaves what is there. by: None for the system itself, which runs the command.
    """
    require(by, "run_job")
    version = checked_words(version, name="The version", limit=40)
    if not version:
        raise Refused("Name the version.")
    said = {
        "owner": checked_words(owner, name="The owner", limit=150),
        "expected_result": checked_words(expected_result, name="The expected result", limit=LONG_WORDS),
        "rollback_note": checked_words(rollback_note, name="The roll-back note", limit=LONG_WORDS),
    }
    with transaction.atomic():
        last = Deployment.objects.select_for_update().first()
        if last is None or last.version != version:
            last = Deployment.objects.create(version=version)
        for name, words in said.items():
            setattr(last, name, words or getattr(last, name))
        last.noted_by = by
        last.save()
        note("deployment noted", by=by, detail=str(last))
    return last
