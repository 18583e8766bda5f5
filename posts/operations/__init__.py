"""Verbs on posts. Admin, commands, imports and tests call the same functions, so each rule has one home."""

from posts.operations.change_slug import change_slug
from posts.operations.flag import clear_flag, flag_post, raise_rule_flag
from posts.operations.record_revision import create_post, record_revision, submit_revision
from posts.operations.refusals import HeadMoved, NotAllowed, PageMoved, Refused
from posts.operations.release import note_observed_result, release_revision, roll_back, withdraw_post
from posts.operations.report import TooManyReports, answer_report, report_problem
from posts.operations.restore import restore_revision
from posts.operations.review import approval_obstacles, confirm_live, decide, decide_many
from posts.operations.schedule import cancel_schedule, run_due, schedule_release

__all__ = [
    "HeadMoved",
    "NotAllowed",
    "PageMoved",
    "Refused",
    "TooManyReports",
    "answer_report",
    "approval_obstacles",
    "cancel_schedule",
    "change_slug",
    "clear_flag",
    "confirm_live",
    "create_post",
    "decide",
    "decide_many",
    "flag_post",
    "note_observed_result",
    "raise_rule_flag",
    "record_revision",
    "release_revision",
    "report_problem",
    "restore_revision",
    "roll_back",
    "run_due",
    "schedule_release",
    "submit_revision",
    "withdraw_post",
]
