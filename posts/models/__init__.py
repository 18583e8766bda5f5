"""The models. Import them from here."""

from posts.models.api_token import ApiToken, PushAnswer
from posts.models.approved_picture import ApprovedPicture, PictureCopy, PictureSize
from posts.models.audit_chain import AuditChain, AuditRedaction, AuditSeal
from posts.models.audit_entry import AuditEntry
from posts.models.bulk_run import BulkRow, BulkRun
from posts.models.check_result import CheckResult, CheckWeight
from posts.models.checklist_item import ChecklistItem
from posts.models.day_figure import DayFigure
from posts.models.decision_event import DecisionEvent
from posts.models.deployment import Deployment
from posts.models.external_identity import ExternalIdentity
from posts.models.finished_article import FinishedArticle
from posts.models.former_slug import FormerSlug
from posts.models.generator import Generator
from posts.models.image_source import ImageSource
from posts.models.import_batch import ImportBatch
from posts.models.import_issue import ImportIssue
from posts.models.job import Job, JobRun, JobWorker
from posts.models.link_address import LinkAddress, LinkCheck, LinkHost, LinkOccurrence, StaleLinks
from posts.models.listed_text import ListedText, PlainText, SiteFigure, SpellingKey
from posts.models.lookups import Among
from posts.models.neighbour import Neighbour, StaleNeighbours
from posts.models.notification import Notification, NotificationSetting
from posts.models.origin import Origin
from posts.models.outgoing_message import OutgoingMessage
from posts.models.package_list import PackageList, PackageName
from posts.models.page_change import PageChange
from posts.models.post import Post
from posts.models.post_hold import HoldReason, PostHold
from posts.models.preview_link import PreviewAnswer, PreviewLink
from posts.models.purged_post import PurgedAddress, PurgedPost
from posts.models.queue_entry import QueueEntry, QueueFigure, QueueLabel
from posts.models.reader_report import ReaderReport, ReportTally
from posts.models.release import Release
from posts.models.remark import Remark, RemarkReply
from posts.models.rendered_article import RenderedArticle
from posts.models.request_figure import RequestFigure
from posts.models.review import Review
from posts.models.review_flag import ReviewFlag
from posts.models.review_guideline import GuidelinePoint, ReviewGuideline
from posts.models.review_limit import ReviewLimit
from posts.models.revision import Revision
from posts.models.saved_view import DeskPreference, SavedView
from posts.models.scheduled_release import ScheduledRelease
from posts.models.scorecard import Score, ScoredPost
from posts.models.second_factor import AccountState, RecoveryCode, SecondFactor
from posts.models.sign_in_tally import SignInTally
from posts.models.source_link import SourceLink, SourcePlace
from posts.models.stored_page import StoredPage, StoredPageKey, StoredPageState
from posts.models.style_rule import StyleException, StyleRule
from posts.models.term import FormerTermSlug, PostTerm, Term
from posts.models.text_sketch import ParagraphCount, SketchBand, TextScan, TextSketch, TextTwin, WalkPart
from posts.models.unsaved_text import UnsavedText
from posts.models.uploaded_picture import UploadedPicture
from posts.models.web_session import WebSession

__all__ = [
    "AccountState",
    "Among",
    "ApiToken",
    "ApprovedPicture",
    "AuditChain",
    "AuditEntry",
    "AuditRedaction",
    "AuditSeal",
    "BulkRow",
    "BulkRun",
    "CheckResult",
    "CheckWeight",
    "ChecklistItem",
    "DayFigure",
    "DecisionEvent",
    "Deployment",
    "DeskPreference",
    "ExternalIdentity",
    "FinishedArticle",
    "FormerSlug",
    "FormerTermSlug",
    "Generator",
    "GuidelinePoint",
    "HoldReason",
    "ImageSource",
    "ImportBatch",
    "ImportIssue",
    "Job",
    "JobRun",
    "JobWorker",
    "LinkAddress",
    "LinkCheck",
    "LinkHost",
    "LinkOccurrence",
    "ListedText",
    "Neighbour",
    "Notification",
    "NotificationSetting",
    "Origin",
    "OutgoingMessage",
    "PackageList",
    "PackageName",
    "PageChange",
    "ParagraphCount",
    "PictureCopy",
    "PictureSize",
    "PlainText",
    "Post",
    "PostHold",
    "PostTerm",
    "PreviewAnswer",
    "PreviewLink",
    "PurgedAddress",
    "PurgedPost",
    "PushAnswer",
    "QueueEntry",
    "QueueFigure",
    "QueueLabel",
    "ReaderReport",
    "RecoveryCode",
    "Release",
    "Remark",
    "RemarkReply",
    "RenderedArticle",
    "ReportTally",
    "RequestFigure",
    "Review",
    "ReviewFlag",
    "ReviewGuideline",
    "ReviewLimit",
    "Revision",
    "SavedView",
    "ScheduledRelease",
    "Score",
    "ScoredPost",
    "SecondFactor",
    "SignInTally",
    "SiteFigure",
    "SketchBand",
    "SourceLink",
    "SourcePlace",
    "SpellingKey",
    "StaleLinks",
    "StaleNeighbours",
    "StoredPage",
    "StoredPageKey",
    "StoredPageState",
    "StyleException",
    "StyleRule",
    "Term",
    "TextScan",
    "TextSketch",
    "TextTwin",
    "UnsavedText",
    "UploadedPicture",
    "WalkPart",
    "WebSession",
]
