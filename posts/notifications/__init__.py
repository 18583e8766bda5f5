"""Tells people what concerns them: in the admin, by e-mail and in the site's chat."""

from posts.notifications.tell import people_who_may, tell

__all__ = ["people_who_may", "tell"]
