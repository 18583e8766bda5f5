"""The outbox: messages that are saved with what they report, and sent by a worker afterwards."""

from posts.outbox.add import add_chat_message, add_mail
from posts.outbox.webhooks import announce_entries, announce_import, announce_report

__all__ = ["add_chat_message", "add_mail", "announce_entries", "announce_import", "announce_report"]
