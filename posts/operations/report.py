import datetime
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.errors import Refused, checked_words, require
from posts.models import Notification, Post, ReaderReport, ReportTally
from posts.notifications import people_who_may
from posts.operations.allowances import key_of, network_of, use_one
from posts.operations.frame import changing, operation
from posts.outbox import announce_report

REPORTS_A_DAY_FROM_ONE_ADDRESS = 10
REPORTS_A_DAY_ABOUT_ONE_POST = 100
NOTE_LENGTH = 1000
CHUNK = 1000
# Reports without an address are counted only for `check --deploy`, up to the column's limit.
NO_ADDRESS, MOST_COUNTED = "without address", 2_000_000_000


class TooManyReports(Refused):
    """Today's number of reports is used up; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("You have reached the limit for today. Your earlier reports are kept. Try again tomorrow.")


@operation
def report_problem(
    post: Post, *, reason: str, note: str = "", address: str, now: datetime.datetime | None = None
) -> ReaderReport:
    """Store a reader's report about the page of `post`; return the ReaderReport.

    address: where the request came from, or "" if unknown. Without it only the reports about this post are counted,
    because one allowance for all readers would soon be used up. Only a keyed hash of the address and the day is
    stored, as a counter for that day; no report leads to its writer. Raises TooManyReports, and Refused for a post
    without a page. It changes nothing else: nobody anonymous can affect indexing.
    """
    if reason not in ReaderReport.Reason.values:
        raise Refused("Choose what is wrong.")
    note = checked_words(note, name="The note", limit=NOTE_LENGTH)
    if post.visible_revision is None:
        raise Refused("This article is no longer available.")
    now = now or timezone.now()
    if network := network_of(address):
        _count(now, f"address {network}", REPORTS_A_DAY_FROM_ONE_ADDRESS)
    else:
        _count(now, NO_ADDRESS, MOST_COUNTED)
    _count(now, f"post {post.pk}", REPORTS_A_DAY_ABOUT_ONE_POST)
    with changing(post, by=None) as change:
        change.rank()
        report = ReaderReport.objects.create(
            post=post, reason=reason, note=note, fingerprint=post.visible_revision.fingerprint
        )
        text = f"A reader reported a problem with “{post.title}”: {report.get_reason_display()}"
        change.tell(Notification.Kind.REPORTED, people_who_may("flag_post"), text)
        announce_report(report)
        return report


@operation
def answer_report(report: ReaderReport, *, by: User | None, answer: str) -> ReaderReport:
    """Close a reader's report; `answer` says what was done. Return the report."""
    require(by, "flag_post")
    answer = checked_words(answer, name="The answer")
    if not answer:
        raise Refused("Write an answer to the report.")
    if not ReaderReport.objects.filter(pk=report.pk, answered_at=None).update(
        answered_at=timezone.now(), answered_by=by, answer=answer
    ):
        raise Refused("The report has already been answered.")
    with changing(report.post, by=by) as change:
        change.note("report answered", revision=change.post.live_revision or change.post.head_revision, detail=answer)
    return ReaderReport.objects.get(pk=report.pk)


def forget_old_reports(*, on_chunk: Callable[[], None] = lambda: None) -> int:
    """Delete reports that were answered REPORT_KEPT_DAYS ago; return how many. An open one waits for a person."""
    if not settings.REPORT_KEPT_DAYS:
        return 0
    old = ReaderReport.objects.filter(
        answered_at__lt=timezone.now() - datetime.timedelta(days=settings.REPORT_KEPT_DAYS)
    )
    count = 0
    for chunk in in_chunks(old.values_list("pk", flat=True), size=CHUNK):
        count += ReaderReport.objects.filter(pk__in=chunk).delete()[0]
        on_chunk()
    return count


def reports_lack_addresses(now: datetime.datetime | None = None) -> bool:
    """Return whether one of today's reports came without an address."""
    day = (now or timezone.now()).astimezone(datetime.UTC).date()
    return ReportTally.objects.filter(day=day, key=key_of(day, NO_ADDRESS)).exists()


def _count(now: datetime.datetime, what: str, allowance: int) -> None:
    if wait := use_one(what, allowance, now=now):
        raise TooManyReports(wait)
