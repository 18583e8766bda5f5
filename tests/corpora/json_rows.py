"""Valid and invalid JSON files, each as a row of an import between two good records."""

import base64
import io
import json

from posts.importing.pipeline import import_posts
from posts.models import ImportIssue, Post
from posts.records.schema import canonical_json
from tests.corpora.tally import Tally
from tests.factories import RecordFactory


def _strict(value):
    raise ValueError(f"{value} is no JSON")


def _oracle(raw):
    """Return (whether `raw` is JSON, its value) by Python's own parser, told to take no NaN."""
    try:
        return True, json.loads(raw.decode("utf-8"), parse_constant=_strict)
    except (ValueError, RecursionError):
        return False, None


def run(paths):
    """Try every file twice: as the row itself, and as a value inside an otherwise good record."""
    tally = Tally("JSON: files as rows of an import, and as a value inside a record")
    files = {}
    for path in paths:
        files |= {name: base64.b64decode(text) for name, text in json.loads(path.read_text()).items()}
    counts = dict.fromkeys(["y taken", "y refused as a record, not as JSON", "n refused with a message",
                            "blank lines, which are no rows", "i taken", "i refused with a message"], 0)  # fmt: skip
    neighbours = 0
    for number, (name, raw) in enumerate(sorted(files.items())):
        for form in ("row", "value"):
            row = _Row(name, raw, form, f"json-{number}")
            neighbours += row.bring_in(tally)
            if row.batch:
                row.judge(tally, counts)
    tally.count("files", len(files))
    for what, count in counts.items():
        tally.count(what, count)
    tally.count("good rows beside them that came in", neighbours, of=4 * len(files))
    return tally


class _Row:
    """A file as a row of an import between two good records."""

    def __init__(self, name, raw, form, source_id):
        self.kind, self.form, self.source_id = name.rpartition("/")[2][0], form, source_id
        self.where, self.batch = f"{name} as a {form}", None
        # A line end outside of strings is white space: a file that is JSON stays the same with a space there.
        self.line = raw.replace(b"\r", b" ").replace(b"\n", b" ") if self.kind == "y" else raw
        if form == "value":
            start = {"source_id": source_id, "title": "A value", "body": "b"}
            self.line = json.dumps(start)[:-1].encode() + b', "payload": {"value": ' + self.line + b"}}"

    def bring_in(self, tally):
        """Import it; return how many of its two neighbours came in."""
        good = [RecordFactory(), RecordFactory()]
        lines = [json.dumps(good[0]).encode(), self.line, json.dumps(good[1]).encode()]
        try:
            self.batch = import_posts(io.BytesIO(b"\n".join(lines) + b"\n"), name=self.where)
        except Exception as error:
            tally.expect(False, f"{self.where}: {type(error).__name__}: {error}")
            return 0
        came = Post.objects.filter(source_id__in=[record["source_id"] for record in good]).count()
        tally.expect(came == 2, f"{self.where}: {2 - came} of its neighbours did not come in")
        return came

    def judge(self, tally, counts):
        """Count what became of it, and complain where that is wrong."""
        issues = list(ImportIssue.objects.filter(batch=self.batch).order_by("line", "pk"))
        said = [message for issue in issues for _, message in issue.problems]
        taken = self.batch.created == 3
        tally.outcomes[self.where] = [taken, [issue.problems for issue in issues]]
        if self.kind == "y":
            as_json = not any("not JSON" in message for message in said)
            # A file that is JSON but no object is refused as a row, and has to be told so.
            tally.expect(taken or (as_json and said), f"{self.where}: refused as JSON: {said}")
            if taken and self.form == "value":
                self._compare(tally)
            counts["y taken" if taken else "y refused as a record, not as JSON"] += 1
        elif not self.line.strip():
            counts["blank lines, which are no rows"] += 1
        elif self.kind == "n" and not _oracle(self.line)[0]:
            tally.expect(not taken and said and all(said), f"{self.where}: taken")
            counts["n refused with a message"] += not taken
        else:
            tally.expect(taken or (said and all(said)), f"{self.where}: refused without a word")
            counts["i taken" if taken else "i refused with a message"] += 1

    def _compare(self, tally):
        """Expect that the value is stored as Python's own parser reads it."""
        stored = Post.objects.get(source_id=self.source_id).payload.get("value")
        value = json.loads(self.line, parse_constant=_strict)["payload"]["value"]
        tally.expect(json.dumps(stored) == json.dumps(canonical_json(value)), f"{self.where}: stored {stored!r}")
