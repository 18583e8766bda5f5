from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import Refused, require
from posts.models import OutgoingMessage
from posts.operations.frame import note, operation


@operation
def send_again(ids: Iterable[int], *, by: User | None) -> int:
    """Put messages that the site gave up back into the outbox; return their number.

    A worker tries each once more, at once: after so long, another failure gives it up again. Refused if none of them
    was given up.
    """
    require(by, "run_job")
    parked = OutgoingMessage.objects.select_for_update().exclude(parked_at=None).filter(sent_at=None, pk__in=list(ids))
    messages = list(parked.order_by("pk"))
    if not messages:
        raise Refused("Choose messages that were given up. The site sends the others without you.")
    OutgoingMessage.objects.filter(pk__in=[message.pk for message in messages]).update(
        parked_at=None, due_at=timezone.now()
    )
    for message in messages:
        note("message sent again", by=by, detail=f"#{message.pk} {message}"[:500])
    return len(messages)
