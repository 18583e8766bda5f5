"""Verbs on posts. Admin, commands, imports and tests call the same functions, so each rule has one home."""

from posts.operations.change_slug import change_slug
from posts.operations.flag import clear_flag, flag_post
from posts.operations.record_revision import create_post, record_revision, submit_revision
from posts.operations.refusals import HeadMoved, NotAllowed, Refused
from posts.operations.release import release_revision, roll_back, withdraw_post
from posts.operations.restore import restore_revision
from posts.operations.review import approval_obstacles, decide

__all__ = [
    "HeadMoved",
    "NotAllowed",
    "Refused",
    "approval_obstacles",
    "change_slug",
    "clear_flag",
    "create_post",
    "decide",
    "flag_post",
    "record_revision",
    "release_revision",
    "restore_revision",
    "roll_back",
    "submit_revision",
    "withdraw_post",
]
