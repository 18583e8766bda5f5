import logging
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.test import Client

from posts.management.base import BaseCommand
from posts.outgoing import ANYWHERE, Limits, OutgoingError, fetch
from posts.public.index_audit import Answer, Fetch, audit_indexing

# A whole sitemap file or feed is read; a redirect is an answer.
LIMITS = Limits(seconds=30, body_bytes=200_000_000, redirects=0)


class Command(BaseCommand):
    help = (
        "Check for every post that all outputs (robots meta, X-Robots-Tag, sitemap, feeds, lists, JSON, API, JSON-LD) "
        "follow the rule for search engines. Ends with an error that names each mismatch."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--base-url", help="check a running site (http://127.0.0.1:8000) instead of the code in this process"
        )

    def handle(self, *, base_url: str | None, **options: Any) -> None:
        if base_url and urlsplit(base_url).scheme not in ("http", "https"):
            raise CommandError("--base-url must be an http or https address.")
        # A log line for each request would bury the findings.
        logging.disable(logging.INFO)
        try:
            report = audit_indexing(fetch_from(base_url.rstrip("/")) if base_url else fetch_here())
        except OutgoingError as error:
            raise CommandError(f"{base_url} does not answer: {error}") from None
        finally:
            logging.disable(logging.NOTSET)
        for address, problem in report.mismatches:
            self.stderr.write(f"{address}: {problem}.")
        if report.mismatches:
            raise CommandError(f"{len(report.mismatches):,} mismatch(es) in {report.posts:,} post(s).")
        self.stdout.write(f"{report.posts:,} post(s): all outputs follow the rule.")


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
