"""Small inputs of the kinds that real sites brought, each in a folder with the right result beside it.

A case is a folder: its inputs, and `expected.toml`. A folder of Markdown files is imported as a whole, every other file
(`.jsonl`, `.json`, `.xml`) by itself, in the order of their names. `expected.toml` may say:

    source = "where the kind is known from"
    mapping = "site: https://old.example/"    # the text of a mapping file
    error = "has a DOCTYPE"                    # the command ends with these words
    report = ["2 × links with relative"]       # words of the command's report
    counts = {created = 2, refused = 1}
    refused = ["has no end"]                   # words of the reasons, one for each refused row

    [[post]]                                   # one for each post, found by the end of its source_id
    id = "a.md"
    title = "…"
    published_on = "2020-02-18"
    held = true                                # and then nobody without an account sees it
    images = [{alt = "…"}]
    findings = ["residue-chat"]                # ids of findings that it has
    no_findings = ["residue-"]                 # how no id of a finding begins
    addresses = ["/old/path"]                  # each leads on to the post
    shows = ["words"]                          # the words of the page
    lacks = ["words"]
    html = ['<a href="https://a.example/">']   # in the HTML of the page
    no_html = ["<em>"]
    links_within = true                        # each link within the page leads to a place in it

Without `expected.toml`, as in a folder of other people's cases, what became of each input is only told: for a person to
compare with what stands beside it.
"""

import contextlib
import html
import io
import re
import tempfile
import tomllib
from urllib.parse import unquote

from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from posts.content_checks import findings
from posts.models import ImportBatch, ImportIssue, Post
from posts.models.import_batch import COUNTS
from tests.corpora.tally import Tally
from tests.trials import trial

FORMATS = {".xml": "wxr", ".jsonl": "jsonl", ".json": "jsonl"}


def run(paths):
    """Try every case on an empty site; print what became of its inputs."""
    tally = Tally("Field: small inputs of the kinds that real sites brought")
    cases = [path for path in paths if path.is_dir()]
    checked = 0
    for path in cases:
        with _rolled_back():
            outcome = Outcome(path)
            tally.lines += ["", f"{path.name}:", *(f"  {line}" for line in outcome.lines())]
            checked += bool(outcome.expected)
            for wrong in outcome.wrong():
                tally.expect(False, f"{path.name}: {wrong}")
            tally.outcomes[f"{path.parent.parent.name}: {path.name}"] = outcome.lines()
    tally.lines.append("")
    tally.count("cases", len(cases))
    tally.count("of them checked against an expected.toml", checked)
    return tally


@contextlib.contextmanager
def _rolled_back():
    with trial():
        yield
        transaction.set_rollback(True)


class Outcome:
    """What became of the inputs of one case, imported by the command into an empty site."""

    def __init__(self, folder):
        self.folder = folder
        path = folder / "expected.toml"
        self.expected = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.said, self.error = "", ""
        for source, format in self._sources():
            self._import(source, format)
        self.client = Client()
        self.posts = [Shown(post, self.client) for post in Post.objects.order_by("source_id")]
        batches = ImportBatch.objects.all()
        self.counts = {count: sum(getattr(batch, count) for batch in batches) for count in COUNTS}
        issues = ImportIssue.objects.filter(kind=ImportIssue.Kind.REFUSED).order_by("pk")
        self.refused = [" ".join(message for _, message in issue.problems) for issue in issues]

    def _sources(self):
        files = sorted(path for path in self.folder.iterdir() if path.suffix in FORMATS)
        return [(path, FORMATS[path.suffix]) for path in files] or [(self.folder, "markdown")]

    def _import(self, source, format):
        said, options = io.StringIO(), {}
        with contextlib.ExitStack() as stack:
            if mapping := self.expected.get("mapping"):
                file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".yaml"))
                file.write(mapping)
                file.flush()
                options["mapping"] = file.name
            try:
                call_command("import_posts", str(source), format=format, stdout=said, stderr=io.StringIO(), **options)
            except CommandError as error:
                # A refused row ends the command with 1 behind its report.
                if getattr(error, "returncode", 1) != 1:
                    self.error = str(error)
        self.said += said.getvalue()

    def lines(self):
        """Return the result as lines that a person can compare with the expected one."""
        told = [", ".join(f"{count} {name}" for name, count in self.counts.items() if count) or "nothing came in"]
        told += [f"error: {self.error}"] if self.error else []
        told += [f"refused: {reason}" for reason in self.refused]
        told += [line.strip() for line in self.said.splitlines() if re.match(r"\s+[\d,]+ ", line)]
        for shown in self.posts:
            told.append(f"{shown.post.source_id}: {shown.line()}")
            told += [f"  finding: {finding.check}: {finding.message}" for finding in shown.findings]
        return told

    def wrong(self):
        """Yield each difference from expected.toml as a sentence."""
        if self.expected:
            yield from self._wrong_report(self.expected)
            yield from self._wrong_posts(self.expected.get("post", []))

    def _wrong_report(self, expected):
        if (words := expected.get("error", "")) not in self.error or bool(words) != bool(self.error):
            yield f"error {self.error!r}, and not {words!r}"
        for words in expected.get("report", []):
            if words not in self.said:
                yield f"the report does not say {words!r}"
        for name, count in expected.get("counts", {}).items():
            if self.counts[name] != count:
                yield f"{self.counts[name]} {name}, and not {count}"
        reasons = expected.get("refused", [])
        if len(reasons) != len(self.refused):
            yield f"{len(self.refused)} refused, and not {len(reasons)}: {self.refused}"
        for words in reasons:
            if not any(words in reason for reason in self.refused):
                yield f"nothing was refused with {words!r}: {self.refused}"

    def _wrong_posts(self, wanted):
        if len(wanted) != len(self.posts):
            yield f"{len(self.posts)} posts, and not {len(wanted)}"
        for of_post in wanted:
            found = [shown for shown in self.posts if shown.post.source_id.endswith(of_post["id"])]
            if len(found) != 1:
                yield f"{len(found)} posts have an identity that ends with {of_post['id']!r}"
            else:
                yield from (f"{of_post['id']}: {wrong}" for wrong in found[0].wrong(of_post))


class Shown:
    """A post as a stranger gets it."""

    def __init__(self, post, client):
        self.post, self.client = post, client
        self.record = post.working_record()
        response = client.get(post.get_absolute_url())
        self.status = response.status_code
        page = response.content.decode() if self.status == 200 else ""
        # What the site says around an article is not the article's.
        self.html = page[page.find("<main") : page.find("</main>")]
        without_code = re.sub(r"<(script|style)\b.*?</\1>", "", self.html, flags=re.DOTALL)
        self.words = " ".join(html.unescape(re.sub(r"<[^>]*>", "", without_code)).split())
        self.findings = findings(self.record)

    def line(self):
        held = ", ".join(str(hold) for hold in self.post.holds.all()) or "held" if self.post.held else "not held"
        day = self.record.get("published_on") or "no day"
        old = ", ".join(self.post.former_slugs.values_list("slug", flat=True))
        return f"“{self.record['title']}”, {day}, {held}, GET {self.status}" + (f", also {old}" if old else "")

    def wrong(self, expected):
        """Yield each difference from a [[post]]."""
        for name in ("title", "published_on", "summary", "authors", "tags", "payload"):
            if name in expected and self.record.get(name) != expected[name]:
                yield f"{name} is {self.record.get(name)!r}, and not {expected[name]!r}"
        is_held = expected.get("held", False)
        if self.post.held != is_held or (self.status == 200) == is_held:
            yield f"held: {self.post.held} and GET {self.status}, and not held: {is_held}"
        if "images" in expected:
            yield from self._wrong_images(expected["images"])
        yield from self._wrong_findings(expected)
        yield from self._wrong_page(expected)

    def _wrong_images(self, expected):
        images = self.record.get("image_sources", [])
        if len(images) != len(expected):
            yield f"{len(images)} images, and not {len(expected)}"
        for image, wanted in zip(images, expected, strict=False):
            if wrong := [name for name, value in wanted.items() if image.get(name) != value]:
                yield f"the image {image} differs in {', '.join(wrong)}"

    def _wrong_findings(self, expected):
        checks = {finding.check for finding in self.findings}
        for check in expected.get("findings", []):
            if check not in checks:
                yield f"no finding {check}"
        for start in expected.get("no_findings", []):
            yield from (f"the finding {check}" for check in sorted(checks) if check.startswith(start))

    def _wrong_page(self, expected):
        for address in expected.get("addresses", []):
            response = self.client.get(address)
            if response.get("Location", "") != self.post.get_absolute_url():
                yield f"{address} answers {response.status_code} and leads to {response.get('Location')!r}"
        for place, wanted, unwanted in ((self.words, "shows", "lacks"), (self.html, "html", "no_html")):
            yield from (f"the page has no {part!r}" for part in expected.get(wanted, []) if part not in place)
            yield from (f"the page has {part!r}" for part in expected.get(unwanted, []) if part in place)
        if expected.get("links_within"):
            places = {html.unescape(place) for place in re.findall(r'\sid="([^"]*)"', self.html)}
            links = {unquote(html.unescape(link)) for link in re.findall(r'href="#([^"]*)"', self.html)}
            if dead := sorted(links - places):
                yield f"links within the page lead nowhere: {dead}"
