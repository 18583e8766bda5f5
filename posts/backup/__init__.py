"""Backups of a whole site: its database and its uploaded pictures, in a folder that can be verified."""

from posts.backup.manifest import BackupError, Manifest
from posts.backup.restore import Restored, fingerprint_problems, restore_backup, settle_past
from posts.backup.write import write_backup

__all__ = [
    "BackupError",
    "Manifest",
    "Restored",
    "fingerprint_problems",
    "restore_backup",
    "settle_past",
    "write_backup",
]
