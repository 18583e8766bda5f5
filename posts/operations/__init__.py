"""What a person does to a post. Admin, commands, imports and tests call these functions, so each rule has one home."""

from posts.errors import GuidelineMoved, HeadMoved, NotAllowed, PageMoved, Refused
from posts.operations.assign import assign_post
from posts.operations.bulk import begin_bulk, begin_edit, carry_out, confirm_bulk, counts_of_rows, look_at_rows
from posts.operations.change_slug import change_slug
from posts.operations.change_view_count import change_view_count
from posts.operations.claim import claim_post, unclaim
from posts.operations.flag import clear_flag, flag_by_check, flag_post
from posts.operations.guideline import Answers, PointDraft, save_guideline
from posts.operations.keep import keep_both, keep_obstacles, keep_post
from posts.operations.record_revision import create_post, record_revision, submit_revision
from posts.operations.release import note_observed_result, release_revision, roll_back, withdraw_post
from posts.operations.report import TooManyReports, answer_report, report_problem
from posts.operations.restore import restore_revision
from posts.operations.review import Decision, approval_obstacles, confirm_live, decide, decide_many
from posts.operations.saved_views import forget_view, save_view, switch_keys
from posts.operations.schedule import Plan, cancel_schedule, run_due, schedule_release
from posts.operations.send_again import send_again
from posts.operations.undo import undo_decision
from posts.review_queue.claims import ClaimedByAnother

__all__ = [
    "Answers",
    "ClaimedByAnother",
    "Decision",
    "GuidelineMoved",
    "HeadMoved",
    "NotAllowed",
    "PageMoved",
    "Plan",
    "PointDraft",
    "Refused",
    "TooManyReports",
    "answer_report",
    "approval_obstacles",
    "assign_post",
    "begin_bulk",
    "begin_edit",
    "cancel_schedule",
    "carry_out",
    "change_slug",
    "change_view_count",
    "claim_post",
    "clear_flag",
    "confirm_bulk",
    "confirm_live",
    "counts_of_rows",
    "create_post",
    "decide",
    "decide_many",
    "flag_by_check",
    "flag_post",
    "forget_view",
    "keep_both",
    "keep_obstacles",
    "keep_post",
    "look_at_rows",
    "note_observed_result",
    "record_revision",
    "release_revision",
    "report_problem",
    "restore_revision",
    "roll_back",
    "run_due",
    "save_guideline",
    "save_view",
    "schedule_release",
    "send_again",
    "submit_revision",
    "switch_keys",
    "unclaim",
    "undo_decision",
    "withdraw_post",
]
