import argparse
import logging
import secrets
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.test import Client

from posts.management.base import BaseCommand
from posts.outgoing import ANYWHERE, Limits, OutgoingError, fetch
from posts.public.index_audit import Answer, Fetch, Report, Scope, audit_indexing

# A whole sitemap file or feed is read; a redirect is an answer.
LIMITS = Limits(seconds=30, body_bytes=200_000_000, redirects=0)
SAMPLE = 500
# So many posts take about ten seconds.
PROGRESS_POSTS = 10_000
MAX_KEY = 2**63 - 1


def number(text: str) -> int:
    """Return the number from 0 up that `text` is."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_KEY):
        raise argparse.ArgumentTypeError("must be a number from 0 up")
    return int(text)


class Command(BaseCommand):
    help = (
        "Check for every post that sitemap, feeds, lists and the API's list follow the rule for search engines, and "
        "for a sample that the post's own answers (robots meta, X-Robots-Tag, JSON-LD, JSON, API, picture) do. Ends "
        "with an error that names each mismatch."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--base-url", help="check a running site (http://127.0.0.1:8000) instead of the code in this process"
        )
        how_many = parser.add_mutually_exclusive_group()
        how_many.add_argument(
            "--sample",
            type=number,
            default=SAMPLE,
            metavar="N",
            help="ask for the answers of N posts at random, besides some of every state (%(default)s if not given)",
        )
        how_many.add_argument("--every-page", action="store_true", help="ask for the answers of every post")
        parser.add_argument("--seed", type=number, help="choose the same posts as an earlier run with this seed")
        parser.add_argument(
            "--after", type=number, default=0, metavar="ID", help="begin behind this post, as the progress says it"
        )

    def handle(
        self,
        *,
        base_url: str | None,
        sample: int,
        every_page: bool,
        seed: int | None,
        after: int,
        **options: Any,
    ) -> None:
        if base_url and urlsplit(base_url).scheme not in ("http", "https"):
            raise CommandError("--base-url must be an http or https address.")
        self._told_posts = self._told_mismatches = 0
        seed = secrets.randbelow(10**6) if seed is None else seed
        scope = Scope(sample=None if every_page else sample, seed=seed, after=after)
        # A log line for each request would bury the findings.
        logging.disable(logging.WARNING)
        try:
            ask = fetch_from(base_url.rstrip("/")) if base_url else fetch_here()
            report = audit_indexing(ask, scope, tell=self._tell_progress)
        except OutgoingError as error:
            raise CommandError(f"{base_url} does not answer: {error}") from None
        finally:
            logging.disable(logging.NOTSET)
        self._tell_mismatches(report)
        posts = f"{report.posts:,} post(s)"
        if report.asked < report.posts:
            posts += f", answers of {report.asked:,} (--seed {seed})"
        if report.mismatches:
            raise CommandError(f"{len(report.mismatches):,} mismatch(es) in {posts}.")
        self.stdout.write(f"{posts}: all outputs follow the rule.")

    def _tell_progress(self, report: Report, last: int) -> None:
        """Say now and then how far the comparison is, and what continues it; nothing found until then is lost."""
        if report.posts // PROGRESS_POSTS > self._told_posts // PROGRESS_POSTS:
            self._tell_mismatches(report)
            self._told_posts = report.posts
            self.stderr.write(f"{report.posts:,} posts compared. To continue from here: --after {last}")

    def _tell_mismatches(self, report: Report) -> None:
        for address, problem in report.mismatches[self._told_mismatches :]:
            self.stderr.write(f"{address}: {problem}.")
        self._told_mismatches = len(report.mismatches)


def fetch_here() -> Fetch:
    """Return a function that asks the code in this process, under the site's own name."""
    site = urlsplit(settings.SITE_URL)
    client = Client(raise_request_exception=False, headers={"host": site.netloc})

    def fetch(path: str) -> Answer:
        response = client.get(path, secure=site.scheme == "https")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.getvalue().decode("utf-8", "replace"))

    return fetch


def fetch_from(base_url: str) -> Fetch:
    """Return a function that asks a running site; a path may have a query, sent unchanged."""

    def ask(path: str) -> Answer:
        # An operator names the site, so it may be on this machine.
        address = base_url + quote(path, safe="/?=&%")
        answer = fetch(address, limits=LIMITS, allowed_networks=ANYWHERE)
        return Answer(answer.status, dict(answer.headers), answer.body.decode("utf-8", "replace"))

    return ask
