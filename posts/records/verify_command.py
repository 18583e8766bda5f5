"""The command with which a reader computes a fingerprint from the record alone, without our code."""

from posts.records.schema import OUTSIDE_FINGERPRINT

_COMMAND = """\
python3 -c '
import hashlib, json, urllib.request
page = urllib.request.urlopen("{address}")
text = json.load(page)["record"]
for key in {outside}:
    text.pop(key, None)
if "ai_outline" in text:
    text["ai_outline"] = list(text["ai_outline"].items())
text.get("flags", {{}}).pop("needs_human_review", None)
if not text.get("flags"):
    text.pop("flags", None)
form = json.dumps(text, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
print(hashlib.sha256(form.encode()).hexdigest())
'"""


def check_command(address: str) -> str:
    """Return a shell command that reads the record at `address` and prints its fingerprint.

    It does in a few readable lines what posts.records.schema.fingerprint_of does.
    """
    outside = ", ".join(f'"{key}"' for key in sorted(OUTSIDE_FINGERPRINT))
    return _COMMAND.format(address=address.replace("'", "%27").replace('"', "%22"), outside=outside)
