"""Lists that fields of the admin offer."""

from django import template

from posts.admin.choices import choice_list

register = template.Library()
register.simple_tag(choice_list)
