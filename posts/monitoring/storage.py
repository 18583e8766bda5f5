"""How large each table is, what becomes of its rows, and which would go today.

Every table is declared here. CONTENT grows with what people and generators write and decide. DERIVED grows with the
posts, and can be computed again. What is in KEPT grows with time, so a job deletes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django_tasks_db.models import DBTaskResult

from posts.db.keyset import in_chunks
from posts.jobs import stop_if_asked
from posts.jobs.housekeeping import old_failed_runs, old_job_runs
from posts.links.check import old_checks
from posts.models import (
    ApprovedPicture,
    BulkRun,
    ImportIssue,
    JobWorker,
    LinkCheck,
    Notification,
    OutgoingMessage,
    PageChange,
    PreviewLink,
    PushAnswer,
    RequestFigure,
    SignInTally,
    UnsavedText,
    UploadedPicture,
    WebSession,
)
from posts.monitoring.figures import old_figures
from posts.notifications.tasks import old_read_notifications, old_unread_notifications
from posts.operations.approved_pictures import old_copies
from posts.outbox.tasks import old_given_up_messages, old_messages
from posts.retention import kept

# More rows are not counted one by one.
MOST_COUNTED = 10_000
CHUNK = 500

CONTENT = """
    posts_post posts_revision posts_review posts_release posts_scheduledrelease posts_reviewflag posts_decisionevent
    posts_auditentry posts_remark posts_remarkreply posts_importbatch posts_posthold posts_formerslug
    posts_formertermslug posts_generator posts_apitoken posts_reviewguideline posts_guidelinepoint posts_stylerule
    posts_styleexception posts_packagelist posts_packagename posts_deployment posts_externalidentity
    posts_accountstate posts_secondfactor posts_recoverycode posts_notificationsetting posts_deskpreference
    posts_savedview auth_user auth_group auth_permission auth_group_permissions auth_user_groups
    auth_user_user_permissions django_content_type django_admin_log posts_reviewlimit
    posts_purgedaddress posts_purgedpost posts_auditredaction posts_auditseal posts_auditchain
""".split()
DERIVED = """
    posts_imagesource posts_checklistitem posts_listedtext posts_postterm posts_term posts_spellingkey posts_neighbour
    posts_staleneighbours posts_sitefigure posts_queueentry posts_queuelabel posts_queuefigure posts_renderedarticle
    posts_checkresult posts_checkweight posts_textsketch posts_sketchband posts_paragraphcount posts_texttwin
    posts_textscan posts_walkpart posts_sourceplace posts_sourcelink posts_linkhost posts_linkaddress
    posts_linkoccurrence posts_stalelinks posts_scoredpost posts_score posts_picturecopy posts_picturesize posts_job
    posts_storedpage posts_storedpagekey posts_storedpagestate posts_dayfigure posts_finishedarticle posts_plaintext
""".split()
# Rows of these go with what they belong to, or are written over.
WITH_OTHERS = {
    "posts_jobrun": "are deleted with their jobs",
    "posts_bulkrow": "are deleted with their bulk action",
    "posts_previewanswer": "keep their preview link",
    "posts_readerreport": "are deleted REPORT_KEPT_DAYS after their answer",
    "posts_reporttally": "are deleted the next day",
    "django_session": "are deleted when they expire",
}


@dataclass(frozen=True)
class Kept:
    """Rows that are kept for a time. old: those that would go now; days: for how long, as KEEP_DAYS calls it."""

    label: str
    model: type[Model]
    old: Callable[[datetime], QuerySet[Model]]
    days: str = ""
    fixed: str = ""
    # Whether forget_old_rows() deletes them; others have a job of their own.
    has_no_job: bool = False

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def time(self) -> str:
        """For how long they are kept, in words."""
        return f"{settings.KEEP_DAYS[self.days]} days" if self.days else self.fixed


def old_preview_links(now: datetime) -> QuerySet[PreviewLink]:
    """Return links that ended long ago and that nobody answered: an answer stands beside a decision."""
    ended = Q(expires_at__lt=now - kept("preview-links")) | Q(revoked_at__lt=now - kept("preview-links"))
    return PreviewLink.objects.filter(ended, answers=None)


def old_import_rows(now: datetime) -> QuerySet[ImportIssue]:
    """Return rows that imports refused long ago. Conflicts and what a roll-back says are kept with their posts."""
    refused = [ImportIssue.Kind.REFUSED, ImportIssue.Kind.DUPLICATE]
    return ImportIssue.objects.filter(kind__in=refused, created_at__lt=now - kept("import-rows"))


def old_bulk_actions(now: datetime) -> QuerySet[BulkRun]:
    """Return bulk actions that ended long ago, and previews that nobody confirmed. Decisions name no bulk action."""
    before = now - kept("bulk-actions")
    is_over = Q(state=BulkRun.State.DONE, finished_at__lt=before) | Q(state=BulkRun.State.READY, made_at__lt=before)
    return BulkRun.objects.filter(is_over)


def _older(model: type[Model], column: str, age: timedelta) -> Callable[[datetime], QuerySet[Model]]:
    return lambda now: model._default_manager.filter(**{f"{column}__lt": now - age})


ONE_DAY = timedelta(days=1)
KEPT = (
    Kept("Jobs that succeeded", DBTaskResult, lambda now: old_job_runs(), "jobs"),
    Kept("Jobs that failed", DBTaskResult, lambda now: old_failed_runs(), "failed-jobs"),
    Kept("Workers that ended", JobWorker, _older(JobWorker, "seen_at", ONE_DAY), fixed="a day"),
    Kept("Messages that were sent", OutgoingMessage, old_messages, "messages"),
    Kept("Messages that were given up", OutgoingMessage, old_given_up_messages, "given-up-messages"),
    Kept("Notifications that were read", Notification, old_read_notifications, "notifications"),
    Kept("Notifications that nobody read", Notification, old_unread_notifications, "unread-notifications"),
    Kept("Figures of requests", RequestFigure, old_figures, "figures"),
    Kept("Unsaved texts", UnsavedText, lambda now: UnsavedText.objects.old(now), "unsaved-texts"),
    Kept(
        "Pictures that no post has", UploadedPicture, lambda now: UploadedPicture.objects.unused(now), "unused-pictures"
    ),
    Kept("Pictures of revoked approvals", ApprovedPicture, old_copies, "revoked-copies"),
    Kept("Results of link checks", LinkCheck, old_checks, "link-checks"),
    Kept("Preview links without an answer", PreviewLink, old_preview_links, "preview-links", has_no_job=True),
    Kept("Refused rows of imports", ImportIssue, old_import_rows, "import-rows", has_no_job=True),
    Kept("Bulk actions", BulkRun, old_bulk_actions, "bulk-actions", has_no_job=True),
    Kept("Answers of the API", PushAnswer, _older(PushAnswer, "made_at", 2 * ONE_DAY), fixed="2 days"),
    Kept("Change log of pages", PageChange, _older(PageChange, "noted_at", ONE_DAY), fixed="a day"),
    Kept("Failed sign-ins", SignInTally, _older(SignInTally, "last_at", ONE_DAY), fixed="a day"),
    Kept("Sessions", WebSession, _older(WebSession, "expire_date", timedelta()), fixed="until they expire"),
)


def forget_old_rows(now: datetime) -> int:
    """Delete what no other job deletes; return the number of rows."""
    count = 0
    for kind in KEPT:
        if kind.has_no_job:
            for chunk in in_chunks(kind.old(now).values_list("pk", flat=True), size=CHUNK):
                stop_if_asked()
                count += kind.model._default_manager.filter(pk__in=chunk).delete()[0]
    return count


@dataclass
class Size:
    """How large a table is. rows: None if there are more than MOST_COUNTED; octets: None if the engine can't say.

    about: about how many rows there are, if there are more and the engine knows.
    """

    table: str
    rows: int | None
    octets: int | None = None
    about: int | None = None


@dataclass(frozen=True)
class KeptSize:
    """What there is of a kind, and how many rows would go today."""

    kind: Kept
    size: Size
    old: int


@dataclass
class Storage:
    """What the page shows. octets: of the whole database."""

    kept: list[KeptSize] = field(default_factory=list)
    others: list[tuple[str, Size]] = field(default_factory=list)
    octets: int = 0


def storage(now: datetime) -> Storage:
    """Return the size of every table, in as many queries for a million posts as for ten."""
    sizes = _sizes()
    found = Storage(octets=_whole_size())
    for kind in KEPT:
        found.kept.append(KeptSize(kind, sizes[kind.table], kind.old(now).order_by()[: MOST_COUNTED + 1].count()))
    of_kept = {kind.table for kind in KEPT}
    words = dict.fromkeys(CONTENT, "content") | dict.fromkeys(DERIVED, "computed from posts") | WITH_OTHERS
    others = [size for table, size in sizes.items() if table not in of_kept]
    # Without a number there are more than are counted.
    others.sort(key=lambda size: (-(size.octets or 0), size.rows is not None, -(size.about or size.rows or 0)))
    found.others = [(words.get(size.table, ""), size) for size in others]
    return found


def tables() -> list[str]:
    """Return the names of all tables of models."""
    return sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})


def _sizes() -> dict[str, Size]:
    names = tables()
    sizes = {name: Size(name, None) for name in names}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT relname, pg_total_relation_size(oid), reltuples::bigint FROM pg_class"
                " WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace",
                [names],
            )
            for name, octets, about in cursor.fetchall():
                sizes[name].octets = octets
                sizes[name].about = _rounded(about) if about > MOST_COUNTED else None
        parts = [
            f"SELECT '{name}', (SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {MOST_COUNTED + 1}) AS counted)"  # noqa: S608
            for name in names
            if sizes[name].about is None
        ]
        cursor.execute(" UNION ALL ".join(parts))
        for name, count in cursor.fetchall():
            sizes[name].rows = None if count > MOST_COUNTED else count
    return sizes


def _rounded(count: int) -> int:
    """Return a number with its first three digits: the engine estimates it."""
    unit = int(10 ** (len(str(count)) - 3))
    return int(round(count / unit) * unit)


def _whole_size() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
        cursor.execute("SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)")
        return int(cursor.fetchone()[0])
