"""Strings that break programs, in every field that a person or a file can fill."""

import io
import json
import re
import unicodedata
from urllib.parse import quote

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from posts.importing.pipeline import import_posts
from posts.models import ImportIssue, Post
from tests.corpora.tally import Tally
from tests.factories import RecordFactory

PLACES = {
    "title": lambda text: {"title": text},
    "tag": lambda text: {"tags": [text]},
    "meta key": lambda text: {"payload": {text: "value"}},
    "meta value": lambda text: {"payload": {"key": text}},
    "body": lambda text: {"body": text},
}
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LINE_END_SPACE = re.compile(r"[ \t]+(?=\n)")


def canonical(text, place):
    """Return the documented canonical form, implemented a second time.

    NFC, LF, no white space at ends, one line for titles.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = LINE_END_SPACE.sub(lambda run: "  " if run[0].endswith("  ") else "", text).rstrip()
    if place == "title":
        text = " ".join(text.split()) if "\n" in text else text
        text = "".join(sign for sign in text if sign not in DIRECTIONS)
    return text


def stored_text(post, place):
    """Return what the database returns for the text that went in at `place`."""
    match place:
        case "title":
            return post.title
        case "tag":
            return post.tags[0] if post.tags else ""
        case "meta key":
            return next(iter(post.payload), "")
        case "meta value":
            return post.payload.get("key", "")
        case "body":
            return post.body


def public_addresses(patterns=None, prefix="/"):
    """Return every address outside the desk that takes no part of its path."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        whole = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            if "<" not in whole and "(" not in whole:
                yield whole
        elif not whole.startswith("/admin"):
            yield from public_addresses(entry.url_patterns, whole)


def run(paths):
    """Import every text at every place, open its pages, and ask every address and form for it."""
    tally = Tally("Naughty strings: in records, addresses, questions and the login")
    texts = [text for path in paths for text in json.loads(path.read_text(encoding="utf-8"))]
    tally.count("texts", len(texts))
    for place, fields in PLACES.items():
        _import_at(tally, texts, place, fields)
    _ask(tally, texts)
    return tally


def _import_at(tally, texts, place, fields):
    prefix = f"naughty-{place.replace(' ', '-')}-"
    lines = [
        json.dumps(RecordFactory(**{"source_id": f"{prefix}{index}", "title": f"{place} {index}"} | fields(text)))
        for index, text in enumerate(texts)
    ]
    batch = import_posts(io.BytesIO("\n".join(lines).encode()), name=place)
    refused = {
        issue.line - 1: "; ".join(message for _, message in issue.problems)
        for issue in ImportIssue.objects.filter(batch=batch)
    }
    posts = {int(post.source_id.rpartition("-")[2]): post for post in Post.objects.filter(source_id__startswith=prefix)}
    client = Client(raise_request_exception=False)
    equal = errors = 0
    for index, text in enumerate(texts):
        where = f"{place} {text!r:.80}"
        post = posts.get(index)
        tally.outcomes[f"{place} {index}"] = (
            refused.get(index) or [stored_text(post, place), post.slug] if post else None
        )
        if post is None:
            tally.expect(refused.get(index), f"{where}: neither taken nor refused with a reason")
            continue
        equal += tally.expect(
            stored_text(post, place) == canonical(text, place), f"{where}: {stored_text(post, place)!r}"
        )
        tally.expect(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", post.slug), f"{where}: its address is {post.slug!r}")
        page, record = client.get(post.get_absolute_url()), client.get(reverse("posts:record", args=[post.slug]))
        errors += page.status_code >= 500 or record.status_code >= 500
        tally.expect(page.status_code == 200, f"{where}: its page answers {page.status_code}")
        # What JSON says is what was stored, whatever the text does to a page.
        sent = record.json().get("record", {}) if record.status_code == 200 else {}
        tally.expect(sent == post.working_record() | {"slug": post.slug}, f"{where}: its JSON is another record")
    tally.count(f"{place}: came back equal", equal)
    tally.count(f"{place}: refused with a reason", len(refused))
    tally.count(f"{place}: pages that broke", errors)


def _ask(tally, texts):
    root = User.objects.create_superuser("root-of-naughty-strings")
    desk, public = Client(raise_request_exception=False), Client(raise_request_exception=False)
    desk.force_login(root)
    addresses = sorted(set(public_addresses()))
    lists = [reverse(f"admin:posts_{name}_changelist") for name in ("post", "revision", "importissue", "importbatch")]
    asked = broke = 0
    for index, text in enumerate(texts):
        raw = quote(text.encode("utf-8", "surrogatepass"), safe="")
        questions = [(public, f"{address}?q={raw}&page={raw}&after={raw}&{raw}={raw}") for address in addresses]
        questions += [(public, f"/posts/{raw}/"), (public, f"/posts/{raw}.json"), (public, f"/{raw}")]
        questions += [(desk, f"{address}?q={raw}") for address in lists]
        questions += [(desk, f"{lists[0]}?status={raw}"), (desk, f"{lists[0]}?o={raw}&p={raw}&{raw}={raw}")]
        answers = []
        for client, address in questions:
            answers.append(client.get(address).status_code)
        answers.append(public.post(reverse("admin:login"), {"username": text, "password": text}).status_code)
        asked += len(answers)
        for (_, address), status in zip([*questions, (None, "login")], answers, strict=True):
            broke += not tally.expect(status < 500, f"{address:.120} answers {status}")
        tally.outcomes[f"asked {index}"] = answers
    tally.count(f"addresses asked ({len(addresses)} public ones with questions)", asked)
    tally.count("answers of 500 and over", broke)
    tally.expect(connection.is_usable(), "the connection to the database is broken")
