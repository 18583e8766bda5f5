"""The trail above a page of the admin."""

from django import template

from posts.admin.trail import trail_of

register = template.Library()
register.simple_tag(trail_of, takes_context=True, name="trail")
