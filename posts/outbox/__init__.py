"""The outbox: messages that are saved with what they report, and sent by a worker afterwards."""

from posts.outbox.add import add_chat_message, add_mail

__all__ = ["add_chat_message", "add_mail"]
