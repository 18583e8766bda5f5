"""A sample module for EXTRA_CHECKS."""

from posts.content_checks import check


@check("title-length", "stops", inputs=["title"])
def title_length(text):
    if len(text.record["title"]) > 120:
        yield "The title is longer than 120 characters. Shorten it.", "/title"
