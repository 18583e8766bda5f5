"""Files that are or are not JSON, each as a row of an import between two good records."""

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
    """(whether `raw` is JSON, its value) by Python's own parser, told to take no NaN."""
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
        kind = name.rpartition("/")[2][0]
        for form in ("row", "value"):
            # A line end outside of strings is white space: a file that is JSON stays the same with a space there.
            line = raw.replace(b"\r", b" ").replace(b"\n", b" ") if kind == "y" else raw
            source_id = f"json-{number}"
            if form == "value":
                start = {"source_id": source_id, "title": "A value", "body": "b"}
                line = json.dumps(start)[:-1].encode() + b', "payload": {"value": ' + line + b"}}"
            good = [RecordFactory(), RecordFactory()]
            lines = [json.dumps(good[0]).encode(), line, json.dumps(good[1]).encode()]
            where = f"{name} as a {form}"
            try:
                batch = import_posts(io.BytesIO(b"\n".join(lines) + b"\n"), name=name)
            except Exception as error:
                tally.expect(False, f"{where}: {type(error).__name__}: {error}")
                continue
            came = Post.objects.filter(source_id__in=[record["source_id"] for record in good]).count()
            neighbours += came
            tally.expect(came == 2, f"{where}: {2 - came} of its neighbours did not come in")
            issues = list(ImportIssue.objects.filter(batch=batch).order_by("line", "pk"))
            said = [message for issue in issues for _, message in issue.problems]
            taken = batch.created == 3
            tally.outcomes[where] = [taken, [issue.problems for issue in issues]]
            if kind == "y":
                as_json = not any("not JSON" in message for message in said)
                # A file that is JSON but no object is refused as a row, and has to be told so.
                tally.expect(taken or (as_json and said), f"{where}: refused as JSON: {said}")
                if taken and form == "value":
                    stored = Post.objects.get(source_id=source_id).payload.get("value")
                    _, value = _oracle(raw)
                    tally.expect(json.dumps(stored) == json.dumps(canonical_json(value)), f"{where}: stored {stored!r}")
                counts["y taken" if taken else "y refused as a record, not as JSON"] += 1
            elif not line.strip():
                counts["blank lines, which are no rows"] += 1
            elif kind == "n" and not _oracle(line)[0]:
                tally.expect(not taken and said and all(said), f"{where}: taken")
                counts["n refused with a message"] += not taken
            else:
                tally.expect(taken or (said and all(said)), f"{where}: refused without a word")
                counts["i taken" if taken else "i refused with a message"] += 1
    tally.count("files", len(files))
    for what, count in counts.items():
        tally.count(what, count)
    tally.count("good rows beside them that came in", neighbours, of=4 * len(files))
    return tally
